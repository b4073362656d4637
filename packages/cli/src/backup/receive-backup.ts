import { type IncomingMessage, request } from 'node:http';
import { BackupFrameReader } from '@kimberlite/server';
import type { BackupWriter } from './backup-writer.ts';

/** What came of asking one replica. `failed`: ask another one, or again. */
export type Received =
  | { readonly kind: 'whole' }
  | { readonly kind: 'failed'; readonly message: string };

export interface ReceiveOptions {
  /** HTTP address of the replica. */
  readonly http: string;
  /** The backup must hold every op up to this one. */
  readonly atLeast: number;
  /** Milliseconds until it begins: the replica may have to wait for the op. */
  readonly beginMillis: number;
  /** Milliseconds without a byte from then on. */
  readonly silenceMillis: number;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Takes a backup from a running replica into the writer. `beganAfter`: milliseconds until the
 * replica began, or had refused. Throws CliError where writing fails.
 */
export async function receiveBackup(
  writer: BackupWriter,
  options: ReceiveOptions,
): Promise<Received & { readonly beganAfter: number }> {
  const askedAt = performance.now();
  const waited = (): number => performance.now() - askedAt;
  let response: IncomingMessage;
  try {
    response = await ask(options);
  } catch (error) {
    return { ...failed(reasonOf(error)), beganAfter: waited() };
  }
  const beganAfter = waited();
  return { ...(await take(writer, response, options)), beganAfter };
}

async function take(
  writer: BackupWriter,
  response: IncomingMessage,
  options: ReceiveOptions,
): Promise<Received> {
  if (response.statusCode !== 200) return failed(await refusalText(response));
  const frames = new BackupFrameReader();
  let received = 0;
  try {
    for await (const chunk of response) {
      frames.push(chunk as Uint8Array); // SAFETY: no encoding is set, so chunks are bytes.
      for (let frame = frames.next(); frame !== null; frame = frames.next()) {
        if (frame === 'bad') return failed('it sent what is no backup');
        if (frame.kind === 'failed') return failed(frame.reason);
        if (frame.kind === 'end') {
          return writer.complete ? { kind: 'whole' } : failed('it left out a part');
        }
        const taken =
          frame.kind === 'head' ? writer.begin(frame.bytes) !== null : writer.put(frame);
        if (!taken) return failed('it sent what does not belong to its backup');
        received += frame.bytes.length;
        options.onProgress(received, writer.fileSize);
      }
    }
    return failed('the connection was closed before the end');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error) || 'exitCode' in error) throw error;
    return failed(reasonOf(error));
  } finally {
    response.destroy();
  }
}

function ask(options: ReceiveOptions): Promise<IncomingMessage> {
  const { http, atLeast, beginMillis, silenceMillis } = options;
  return new Promise((resolve, reject) => {
    const asked = request(`http://${http}/backup?at_least=${atLeast}`, { method: 'POST' });
    let begun = false;
    asked.setTimeout(beginMillis, () => {
      const message = begun ? 'no answer in time' : `it did not begin within ${beginMillis} ms`;
      asked.destroy(Object.assign(new Error(message), { code: 'ETIMEDOUT' }));
    });
    asked.once('error', reject);
    asked.once('response', (response) => {
      asked.off('error', reject);
      asked.on('error', () => {});
      begun = true;
      asked.setTimeout(silenceMillis);
      resolve(response);
    });
    asked.end();
  });
}

async function refusalText(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response) chunks.push(chunk as Uint8Array); // SAFETY: bytes, as above.
  const text = Buffer.concat(chunks).toString('utf8');
  try {
    // SAFETY: of whatever it is, only the type of this field is relied on.
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // Not from a replica of this release.
  }
  return `HTTP ${response.statusCode}: it gives no backups`;
}

function failed(message: string): Received {
  return { kind: 'failed', message };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'ECONNRESET') return 'the connection was closed before the end';
  return error.message;
}
