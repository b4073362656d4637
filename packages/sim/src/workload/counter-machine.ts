import { assert, readU64, writeU64 } from '@kimberlite/store';
import type {
  ExecuteContext,
  KeyNames,
  Prng,
  Request,
  StateMachine,
  TableReader,
} from '@kimberlite/vsr';
import { counterJudge } from './counter-judge.ts';
import type { ModelContext, QueryModel, Workload, WorkloadRequest } from './workload.ts';

/** Adds to a counter and answers its new value. Body: name (u8), amount (u8). */
export const OPERATION_ADD = 16;
/** Answers a counter's value. Body: name (u8). */
export const OPERATION_READ = 17;

const TABLE = 16;
const NAMES = 8;

function valueOf(bytes: Uint8Array | null): number {
  if (bytes === null) return 0;
  return readU64(new DataView(bytes.buffer, bytes.byteOffset, 8), 0);
}

function bytesOf(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeU64(new DataView(bytes.buffer), 0, value);
  return bytes;
}

/** The smallest state machine whose replies tell every lost, doubled or reordered request. */
export const counterMachine: StateMachine = {
  name: 'vopr.counters',
  tables: [{ id: TABLE, name: 'counters', combine: null }],

  validate(operation: number, body: Uint8Array): boolean {
    if (operation === OPERATION_ADD) return body.length === 2;
    return operation === OPERATION_READ && body.length === 1;
  },

  replyLimit(): number {
    return 8;
  },

  prefetch(request: Request, names: KeyNames): boolean {
    names.key(TABLE, request.body.subarray(0, 1));
    return false;
  },

  isQuery(operation: number): boolean {
    return operation === OPERATION_READ;
  },

  query(request: Request, reader: TableReader): Uint8Array {
    return bytesOf(valueOf(reader.get(TABLE, request.body.slice(0, 1))));
  },

  execute(request: Request, context: ExecuteContext): Uint8Array {
    const key = request.body.slice(0, 1);
    const value = valueOf(context.get(TABLE, key));
    if (request.operation === OPERATION_READ) return bytesOf(value);
    assert(request.operation === OPERATION_ADD, 'the request was validated');
    const sum = bytesOf(value + (request.body[1] ?? 0));
    context.put(TABLE, key, sum);
    return sum;
  },
};

/** The same in memory. */
export class CounterModel implements QueryModel {
  private readonly values: number[];

  constructor() {
    this.values = new Array<number>(256).fill(0);
  }

  execute(request: WorkloadRequest, _context: ModelContext): Uint8Array {
    const name = request.body[0] ?? 0;
    const value = this.values[name] ?? 0;
    if (request.operation === OPERATION_READ) return bytesOf(value);
    const sum = value + (request.body[1] ?? 0);
    this.values[name] = sum;
    return bytesOf(sum);
  }

  query(request: WorkloadRequest): Uint8Array {
    return bytesOf(this.values[request.body[0] ?? 0] ?? 0);
  }
}

/**
 * Clients that add to named counters and read them: the smallest state machine that shows a lost or
 * repeated request.
 */
export const counterWorkload: Workload = {
  name: 'counter',
  judge: counterJudge(OPERATION_READ),
  stateMachine: () => counterMachine,
  model: () => new CounterModel(),
  next(prng: Prng): WorkloadRequest {
    const name = prng.below(NAMES);
    if (prng.chance(0.3)) return { operation: OPERATION_READ, body: new Uint8Array([name]) };
    return { operation: OPERATION_ADD, body: new Uint8Array([name, prng.between(1, 255)]) };
  },
  queries: {
    model: () => new CounterModel(),
    next: (prng: Prng): WorkloadRequest => {
      return { operation: OPERATION_READ, body: new Uint8Array([prng.below(NAMES)]) };
    },
  },
};
