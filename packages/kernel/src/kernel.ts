import { assert, readU64, writeU64 } from '@kimberlite/store';
import {
  type ExecuteContext,
  type KeyNames,
  REPLY_BODY_MAX,
  type Request,
  type StateMachine,
  type StateMeasure,
  type TableReader,
} from '@kimberlite/vsr';
import { KERNEL_CALLS } from './codec/call.ts';
import { encodeResults } from './codec/encode-results.ts';
import { LOOKS_SHARED } from './codec/limits.ts';
import { isReadCall } from './codec/read-call.ts';
import type { Result } from './codec/result.ts';
import { type DecodedBody, DecodedMemo } from './decoded-memo.ts';
import { executeCall, revisionTaken } from './execute-call.ts';
import { executeQuery } from './execute-query.ts';
import { nameReads } from './name-reads.ts';
import { nameReplaced } from './name-replaced.ts';
import { Quota } from './quota.ts';
import { KERNEL_TABLES, META_TABLE, REVISION_KEY } from './tables.ts';

export interface KernelOptions {
  /** LOOKS_SHARED, or fewer for a simulation; the same on every replica, for ever. */
  readonly looksShared: number;
}

const KERNEL_OPTIONS: KernelOptions = { looksShared: LOOKS_SHARED };

/** Names the kernel in data files, backups and greetings. */
export const KERNEL_NAME = 'kimberlite.kernel';

/**
 * The built-in state machine: keys with revisions, transactions and event streams, in namespaces
 * (docs/kernel.md). It has no state of its own; everything is in its tables.
 */
export function createKernel({ looksShared }: KernelOptions = KERNEL_OPTIONS): StateMachine {
  const memo = new DecodedMemo();
  /** Bytes that the state may take; 0 without a limit. */
  let bytesMax = 0;
  /** Revisions behind the newest that stay readable. */
  let kept = 0;
  /** For operators; nothing that is answered depends on it. */
  let measure: StateMeasure = { bytes: null, refusals: 0 };
  /** What each range of a request may look at beside its rows. */
  const looksOf = ({ walks }: DecodedBody): number => Math.floor(looksShared / Math.max(1, walks));
  return {
    name: KERNEL_NAME,
    tables: KERNEL_TABLES,
    open: ({ stateBytesMax, historyRevisions }): void => {
      bytesMax = stateBytesMax;
      kept = historyRevisions;
    },
    validate: (operation, body): boolean => {
      if (operation !== KERNEL_CALLS) return false;
      const decoded = memo.of(body);
      return decoded?.sharable === true && decoded.replyLimit <= REPLY_BODY_MAX;
    },
    replyLimit: (operation, body): number => validBody(memo, { operation, body }).replyLimit,
    looks: (operation, body): number => {
      const { rows, walks } = validBody(memo, { operation, body });
      return rows + (walks === 0 ? 0 : looksShared);
    },
    prefetch: (request: Request, names: KeyNames, read: TableReader, round: number): boolean => {
      const decoded = validBody(memo, request);
      const { calls } = decoded;
      const looks = looksOf(decoded);
      if (round > 0) {
        nameReplaced(calls, names, { reader: read, looks });
        return false;
      }
      const putsRead = bytesMax > 0 || kept > 0;
      nameReads(calls, names, { putsRead, counted: bytesMax > 0, looks });
      return calls.some(({ kind }) => kind === 'rangeAt');
    },
    isQuery: (operation, body): boolean =>
      validBody(memo, { operation, body }).calls.every(isReadCall),
    query: (request, reader): Uint8Array => {
      const decoded = validBody(memo, request);
      const { calls } = decoded;
      const revisions = { newest: readRevision(reader), kept, looks: looksOf(decoded) };
      return encodeResults(calls.map((call) => executeQuery(call, revisions, reader)));
    },
    measure: () => measure,
    execute: (request, context): Uint8Array => {
      const decoded = validBody(memo, request);
      const quota = bytesMax === 0 ? null : new Quota(bytesMax, context);
      const reply = execute(decoded, context, { quota, kept, looks: looksOf(decoded) });
      if (quota !== null) {
        measure = { bytes: quota.used, refusals: measure.refusals + quota.refusals };
      }
      return reply;
    },
  };
}

/** Runs the calls in order; each one that changes something takes the next revision. */
function execute(
  { calls }: DecodedBody,
  context: ExecuteContext,
  limits: { readonly quota: Quota | null; readonly kept: number; readonly looks: number },
): Uint8Array {
  const { quota, kept, looks } = limits;
  const before = readRevision(context);
  let revision = before;
  const results: Result[] = [];
  for (const call of calls) {
    const result = executeCall(call, { revision: revision + 1, kept, looks, quota }, context);
    const taken = revisionTaken(result);
    assert(taken === null || taken === revision + 1, 'revisions have no gap');
    if (taken !== null) revision = taken;
    results.push(result);
  }
  if (revision !== before) {
    writeRevision(revision, context);
    if (kept > 0 && revision > kept) context.expire(revision - kept);
  }
  quota?.save();
  return encodeResults(results);
}

/** The core asks `validate` before anything else, so what does not decode here is a bug. */
function validBody(memo: DecodedMemo, request: Request): DecodedBody {
  assert(request.operation === KERNEL_CALLS, 'a validated operation');
  const decoded = memo.of(request.body);
  assert(decoded !== null, 'a validated body');
  return decoded;
}

function readRevision(context: TableReader): number {
  const bytes = context.get(META_TABLE, REVISION_KEY);
  if (bytes === null) return 0;
  return readU64(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);
}

function writeRevision(revision: number, context: ExecuteContext): void {
  const bytes = new Uint8Array(8);
  writeU64(new DataView(bytes.buffer), 0, revision);
  context.put(META_TABLE, REVISION_KEY, bytes);
}
