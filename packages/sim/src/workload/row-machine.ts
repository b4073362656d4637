import { assert } from '@kimberlite/store';
import type { ExecuteContext, Prng, Request, StateMachine } from '@kimberlite/vsr';
import type { ReplyModel, Workload, WorkloadRequest } from './workload.ts';

/** Writes a row without looking at it, and answers its length. Body: row (u16), bytes. */
export const OPERATION_WRITE = 16;

const TABLE = 16;

/** Large rows and no reads: a state that takes long to fetch, and that ops only add to. */
const rowMachine: StateMachine = {
  name: 'vopr.rows',
  tables: [{ id: TABLE, name: 'rows', combine: null }],
  validate: (operation, body): boolean => operation === OPERATION_WRITE && body.length > 2,
  replyLimit: (): number => 2,
  prefetch: (): boolean => false,
  execute({ body }: Request, context: ExecuteContext): Uint8Array {
    context.put(TABLE, body.slice(0, 2), body.slice(2));
    return lengthOf(body);
  },
};

const rowModel: ReplyModel = {
  execute({ operation, body }: WorkloadRequest): Uint8Array {
    assert(operation === OPERATION_WRITE, 'there is no other');
    return lengthOf(body);
  },
};

function lengthOf(body: Uint8Array): Uint8Array {
  return new Uint8Array([(body.length - 2) & 0xff, (body.length - 2) >> 8]);
}

/** A request that writes this row with `size` bytes that follow from the seed. */
export function writeRow(row: number, size: number, seed: number): WorkloadRequest {
  const body = new Uint8Array(2 + size).fill(seed & 0xff);
  new DataView(body.buffer).setUint16(0, row, true);
  return { operation: OPERATION_WRITE, body };
}

export const rowWorkload: Workload = {
  name: 'rows',
  stateMachine: () => rowMachine,
  model: () => rowModel,
  next: (prng: Prng) => writeRow(prng.below(ROWS), ROW_SIZE, prng.below(256)),
};

/** Rows that the clients of a run write, and their bytes. */
const ROWS = 6_000;
const ROW_SIZE = 1_900;
