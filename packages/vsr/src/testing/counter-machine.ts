import { mix128 } from '@kimberlite/store';
import { type MachineIdentity, machineIdentityOf } from '../machine-identity.ts';
import type { ExecuteContext, KeyNames, Request, StateMachine } from '../state-machine.ts';

/** Adds the byte of the body to the counter and replies with the sum: each execution shows. */
export const OPERATION_ADD = 16;
/** Replies with the sum; the body is empty. */
export const OPERATION_READ = 17;

const TABLE = 16;
const KEY = Uint8Array.of(1);

/** The smallest state machine by which a request that ran twice, or not at all, can be told. */
export function counterMachine(): StateMachine {
  return {
    name: 'test.counter',
    tables: [{ id: TABLE, name: 'counter', combine: null }],
    validate: (operation, body): boolean =>
      body.length === (operation === OPERATION_ADD ? 1 : 0) &&
      (operation === OPERATION_ADD || operation === OPERATION_READ),
    isQuery: (operation): boolean => operation === OPERATION_READ,
    query: (_, reader): Uint8Array => reader.get(TABLE, KEY)?.slice() ?? new Uint8Array(4),
    replyLimit: (): number => 4,
    prefetch: (_: Request, names: KeyNames): boolean => {
      names.key(TABLE, KEY);
      return false;
    },
    execute: ({ body }: Request, context: ExecuteContext): Uint8Array => {
      const before = context.get(TABLE, KEY);
      const sum = (before === null ? 0 : counterValue(before)) + (body[0] ?? 0);
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, sum, true);
      context.put(TABLE, KEY, bytes);
      return bytes;
    },
  };
}

/** What the files of fixtures are of. */
export const FIXTURE_MACHINE: MachineIdentity = machineIdentityOf(counterMachine(), mix128);

/** The sum in a reply. */
export function counterValue(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
}
