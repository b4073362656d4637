import { REFERENCE_SIZE } from '../block.ts';
import { compareBytes } from '../bytes.ts';
import type { Expiry } from '../forest-types.ts';
import { type Combine, RecordKind } from '../record.ts';
import { present } from '../std/assert.ts';
import { MergedCursor } from './merged-cursor.ts';
import {
  OUTLINE_REFERENCES,
  pageCount,
  pageLevel,
  pageRecord,
  recordIsOutline,
  recordPart,
} from './page.ts';
import type { RecordFold } from './record-fold.ts';
import type { BlockSink, BlockSource, Run } from './run.ts';
import { RunBuilder } from './run-builder.ts';
import { type LeaveListener, RunCursor } from './run-cursor.ts';
import type { Merge } from './table-levels.ts';

/**
 * Why the work of a checkpoint pauses: blocks are wanted, blocks are ready to be written, or a
 * slice has looked at as many records as it may.
 */
export type Pause = 'blocked' | 'written' | 'sliced';

/** Where the blocks go, and how the work is cut into slices. */
export interface WorkSink extends BlockSink {
  /**
   * To be asked after each record of so many bytes, whether it was kept or not: the pause that is
   * due, or null.
   */
  recordDone(size: number): Exclude<Pause, 'blocked'> | null;
}

/** What all work of a checkpoint shares. */
export interface WorkContext {
  readonly blockSize: number;
  readonly sink: WorkSink;
  readonly source: BlockSource;
  /** Looks, again and again, until no block is missing: for what needs several at one moment. */
  together<T>(look: () => T | null): Generator<Pause, T>;
  /**
   * The horizon as of the freeze. Never the present one: replicas are at different ops when they
   * come to a record, and would write different runs.
   */
  readonly horizon: number;
}

export interface MergeStep {
  readonly table: number;
  readonly combine: Combine | null;
  readonly expiry: Expiry | null;
  /** No older records exist than those of the inputs. */
  readonly bottom: boolean;
  /** Bytes of input records after which the step ends. */
  readonly quota: number;
}

/**
 * One step of a merge: goes on at `merge.from` and ends at the first key after the quota. Where it
 * ends is a function of the inputs alone, and it begins by seeking, so a replica that was restored
 * in between takes the same steps and writes the same blocks. Returns the merge as it then is, or
 * the finished run (null when nothing is left of the inputs).
 */
export function* mergeStep(
  context: WorkContext,
  step: MergeStep,
  merge: Merge,
): Generator<Pause, { readonly merge: Merge } | { readonly run: Run | null }> {
  const { sink, source } = context;
  const { table, expiry } = step;
  const rule = { bottom: step.bottom, expiry, horizon: context.horizon };
  const left = new LeftPages();
  const cursors = merge.inputs
    .toReversed()
    .map(
      (run) => new RunCursor({ table, run, source, from: merge.from, to: null, listener: left }),
    );
  const cursor = new MergedCursor(cursors, step.combine);
  const resolve = (): RecordFold | null => cursor.resolve();
  const builder = yield* open(context, { table, expiry }, merge.output);
  for (let consumed = 0; ; ) {
    while (!cursor.settle()) yield 'blocked';
    const key = cursor.key();
    if (key === null) {
      left.release(sink, null);
      return { run: builder.finish() };
    }
    if (consumed >= step.quota) {
      left.release(sink, key);
      return { merge: { inputs: merge.inputs, from: key.slice(), output: builder.pause() } };
    }
    const record = yield* context.together(resolve);
    if (step.bottom) record.end();
    if (isKept(record, key, rule)) builder.append(present(record.kind), key, record.part);
    const size = cursor.advance();
    consumed += size;
    const pause = sink.recordDone(size);
    if (pause !== null) yield pause;
  }
}

/** Whether a record goes into the run that is written. */
export function isKept(
  { kind, part }: RecordFold,
  key: Uint8Array,
  rule: { readonly bottom: boolean; readonly expiry: Expiry | null; readonly horizon: number },
): boolean {
  // Where nothing older exists, nothing is left to hide.
  if (kind === RecordKind.tombstone) return !rule.bottom;
  return rule.expiry === null || rule.expiry(key, part) > rule.horizon;
}

function* open(
  context: WorkContext,
  { table, expiry }: { readonly table: number; readonly expiry: Expiry | null },
  output: Run | null,
): Generator<Pause, RunBuilder> {
  const options = { table, blockSize: context.blockSize, sink: context.sink, expiry };
  if (output === null) return new RunBuilder(options);
  return yield* context.together(() => RunBuilder.resume(options, output, context.source));
}

/** A page that a cursor of the merge has passed. */
interface LeftPage {
  readonly holder: Uint8Array;
  readonly at: number;
  /** Value parts of its records whose values have blocks of their own. */
  readonly outlines: readonly Uint8Array[];
  /** First key of the next page of its level; null for the last. */
  readonly next: Uint8Array | null;
}

/**
 * Passed pages. One may be given up when the next page of its level begins at or below the key at
 * which the merge goes on: then no reader and no later step, which all begin there, looks at it.
 */
class LeftPages implements LeaveListener {
  private readonly pages: LeftPage[] = [];

  left(page: Uint8Array, name: { holder: Uint8Array; at: number }, next: Uint8Array | null): void {
    const { holder, at } = name;
    this.pages.push({ holder, at, outlines: outlinesOf(page), next });
  }

  /** Releases what the merge does not need from `from` on; null: it is complete. */
  release(sink: BlockSink, from: Uint8Array | null): void {
    for (const { holder, at, outlines, next } of this.pages) {
      if (from !== null && (next === null || compareBytes(next, from) > 0)) continue;
      sink.release(holder, at);
      for (const part of outlines) {
        for (let name = OUTLINE_REFERENCES; name < part.length; name += REFERENCE_SIZE)
          sink.release(part, name);
      }
    }
  }
}

function outlinesOf(page: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  if (pageLevel(page) > 0) return parts;
  for (let index = 0; index < pageCount(page); index += 1) {
    const at = pageRecord(page, index);
    if (recordIsOutline(page, at)) parts.push(recordPart(page, at));
  }
  return parts;
}
