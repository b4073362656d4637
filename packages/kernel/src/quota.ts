import { readU64, unreachable, writeU64 } from '@kimberlite/store';
import type { ExecuteContext, TableReader } from '@kimberlite/vsr';
import type { Call, KeyOperation, StreamAppendCall, TxnCall } from './codec/call.ts';
import {
  CHAIN_SIZE,
  EVENT_OVERHEAD,
  KEY_OVERHEAD,
  ROW_VALUE_MAX,
  STREAM_OVERHEAD,
  VALUE_BLOCK_ROOM,
  VALUE_BLOCK_SIZE,
} from './codec/limits.ts';
import { readKey } from './execute-operation.ts';
import { readStream } from './execute-stream.ts';
import { compareHolds } from './execute-txn.ts';
import { BYTES_KEY, META_TABLE } from './tables.ts';

/**
 * How much the keys and streams of a cluster take together, against the limit that was chosen at
 * format. The number is state like any other, so all replicas refuse the same call. It is about
 * what each row takes once in its table (limits.ts); the versions that merges have not joined yet,
 * and those that a history keeps, come on top. Kept only where there is a limit: for it a put has
 * to know what it replaces.
 */
export class Quota {
  readonly #limit: number;
  readonly #context: ExecuteContext;
  readonly #before: number;
  #used: number;
  #refusals: number;

  constructor(limit: number, context: ExecuteContext) {
    this.#limit = limit;
    this.#context = context;
    this.#before = stateBytesOf(context);
    this.#used = this.#before;
    this.#refusals = 0;
  }

  /** Bytes as of now. */
  get used(): number {
    return this.#used;
  }

  /** Calls that were refused. */
  get refusals(): number {
    return this.#refusals;
  }

  /**
   * Bytes that the call would add, negative when it takes some away; null when it must be refused
   * for want of room. What adds nothing is never refused, so that deletes make room again.
   */
  growthOf(call: Call): number | null {
    const growth = growthOf(call, this.#context);
    if (growth <= 0 || this.#used + growth <= this.#limit) return growth;
    this.#refusals += 1;
    return null;
  }

  add(growth: number): void {
    this.#used += growth;
  }

  /** Once all calls of a request have run. */
  save(): void {
    if (this.#used === this.#before) return;
    const bytes = new Uint8Array(8);
    writeU64(new DataView(bytes.buffer), 0, this.#used);
    this.#context.put(META_TABLE, BYTES_KEY, bytes);
  }
}

/** What the state takes; kept only where there is a limit. */
export function stateBytesOf(reader: Pick<TableReader, 'get'>): number {
  const bytes = reader.get(META_TABLE, BYTES_KEY);
  if (bytes === null) return 0;
  return readU64(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);
}

/** What a call adds if it is not refused for another reason; that reason then comes first. */
function growthOf(call: Call, reader: TableReader): number {
  switch (call.kind) {
    case 'put':
    case 'delete':
      return growthOfKeys([call], call.namespace, reader);
    case 'txn':
      return growthOfTxn(call, reader);
    case 'streamCreate':
      if (readStream(call, reader) !== null) return 0;
      return call.namespace.length + call.stream.length + STREAM_OVERHEAD;
    case 'streamAppend':
      return growthOfAppend(call, reader);
    case 'get':
    case 'range':
    case 'streamRead':
    case 'streamLength':
    case 'getAt':
    case 'rangeAt':
    case 'compact':
      return 0;
    default:
      return unreachable(call);
  }
}

function growthOfTxn(call: TxnCall, reader: TableReader): number {
  const { compares, namespace } = call;
  const succeeded = compares.every((compare) => compareHolds(compare, namespace, reader));
  return growthOfKeys(succeeded ? call.then : call.else, namespace, reader);
}

/** Operations in a row: a later one meets what an earlier one has left. */
function growthOfKeys(
  operations: readonly KeyOperation[],
  namespace: Uint8Array,
  reader: TableReader,
): number {
  const sizes = new Map<string, { readonly before: number; after: number }>();
  const sizeOf = (key: Uint8Array): { readonly before: number; after: number } => {
    const name = key.join();
    const known = sizes.get(name);
    if (known !== undefined) return known;
    const stored = readKey(reader, namespace, key);
    const before = stored === null ? 0 : keySize(namespace, key, stored.value.length);
    const size = { before, after: before };
    sizes.set(name, size);
    return size;
  };
  for (const operation of operations) {
    if (operation.kind === 'put') {
      sizeOf(operation.key).after = keySize(namespace, operation.key, operation.value.length);
    } else if (operation.kind === 'delete') {
      for (const key of operation.keys) sizeOf(key).after = 0;
    }
  }
  let growth = 0;
  for (const { before, after } of sizes.values()) growth += after - before;
  return growth;
}

function keySize(namespace: Uint8Array, key: Uint8Array, valueSize: number): number {
  return namespace.length + key.length + storedSize(valueSize) + KEY_OVERHEAD;
}

/**
 * A long value takes whole blocks, up to four times its own size: counted by its bytes, a disk
 * would be full long before the limit is reached, on all replicas at the same op.
 */
function storedSize(valueSize: number): number {
  if (valueSize <= ROW_VALUE_MAX) return valueSize;
  // What stands before the value in its record, or before the event, is in its blocks too.
  return Math.ceil((valueSize + CHAIN_SIZE) / VALUE_BLOCK_ROOM) * VALUE_BLOCK_SIZE;
}

function growthOfAppend(call: StreamAppendCall, reader: TableReader): number {
  const stream = readStream(call, reader);
  const { expectedOffset } = call;
  if (stream === null) return 0;
  if (expectedOffset !== null && expectedOffset !== stream.length) return 0;
  const each = call.namespace.length + call.stream.length + EVENT_OVERHEAD;
  return call.events.reduce((sum, event) => sum + each + storedSize(event.length), 0);
}
