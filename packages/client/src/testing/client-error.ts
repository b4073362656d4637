import { ClientError } from '../errors.ts';

/** What a call rejects with. Throws when it does not, or with anything but a ClientError. */
export async function clientErrorOf(promise: Promise<unknown>): Promise<ClientError> {
  const outcome = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(outcome instanceof ClientError)) throw new Error(`not a ClientError: ${String(outcome)}`);
  return outcome;
}
