import type { Expiry } from '../forest-types.ts';
import type { Layer } from '../layer.ts';
import type { Combine } from '../record.ts';
import { assert, present } from '../std/assert.ts';
import { isKept, mergeStep, type Pause, type WorkContext } from './merge-step.ts';
import { LayerSource } from './merged-cursor.ts';
import { RecordFold } from './record-fold.ts';
import type { Run } from './run.ts';
import { RunBuilder } from './run-builder.ts';
import { LEVEL_EMPTY, type Level, type Merge } from './table-levels.ts';

/** Runs of a level that become one of the next. */
export const MERGE_WIDTH = 4;
/** Blocks of input that a step takes at least: less would mostly rewrite its own index pages. */
const STEP_BLOCKS_MIN = 4;

/** What a checkpoint finds of a table. */
export interface TableWork {
  readonly table: number;
  readonly combine: Combine | null;
  readonly expiry: Expiry | null;
  readonly levels: readonly Level[];
  /** The changes since the checkpoint before; null when there are none. */
  readonly frozen: Layer | null;
}

/**
 * What one checkpoint does for one table: every level's merge takes a step, deepest first, and then
 * the changes become a run of level 0. So what is merged was written by an earlier checkpoint.
 * Everything is decided by the levels, the changes and the horizon as of the freeze, and every
 * replica does the same at the same op.
 *
 * A run reaches level n after 4^n checkpoints at the earliest, and a merge there takes at most half
 * of the time in which four more come. So merging can't fall behind, a level holds at most seven
 * runs and an output, and the work of a checkpoint is bounded by a share of each level.
 */
export function* advanceTable(context: WorkContext, work: TableWork): Generator<Pause, Level[]> {
  const levels = work.levels.map(({ merge, runs }) => ({ merge, runs: [...runs] }));
  for (let depth = levels.length - 1; depth >= 0; depth -= 1) {
    yield* advanceLevel(context, work, { levels, depth });
  }
  const { frozen } = work;
  if (frozen !== null) {
    const run = yield* layerRun(context, work, { layer: frozen, bottom: levels.every(isEmpty) });
    if (run !== null) levelAt(levels, 0).runs.push(run);
  }
  while (levels.length > 0 && levels.slice(-1).every(isEmpty)) levels.pop();
  return levels;
}

function* advanceLevel(
  context: WorkContext,
  { table, combine, expiry }: TableWork,
  { levels, depth }: { readonly levels: GrowingLevel[]; readonly depth: number },
): Generator<Pause, void> {
  const level = levelAt(levels, depth);
  const merge = mergeOf(level, { expiry, ...context });
  if (merge === null) return;
  if (level.merge === null) level.runs.splice(0, merge.inputs.length);
  const size = sizeOf(merge);
  const bottom = levels.slice(depth + 1).every(isEmpty);
  const quota = stepQuota(merge, { depth, ...context });
  const result = yield* mergeStep(context, { table, combine, expiry, bottom, quota }, merge);
  level.merge = 'merge' in result ? result.merge : null;
  if ('merge' in result || result.run === null) return;
  // When most of it was overwritten the table does not grow: deeper levels would only multiply
  // what they hold of it.
  if (result.run.size * 2 < size) level.runs.unshift(result.run);
  else levelAt(levels, depth + 1).runs.push(result.run);
}

/**
 * Bytes of records that a checkpoint looks at for a table, about: no more than the steps of its
 * merges may, and the changes.
 */
export function tableWorkSize(
  { levels, frozen, expiry }: Omit<TableWork, 'table' | 'combine'>,
  context: Pick<WorkContext, 'blockSize' | 'horizon'>,
): number {
  let size = frozen?.usedSize ?? 0;
  for (const [depth, level] of levels.entries()) {
    const merge = mergeOf(level, { expiry, ...context });
    if (merge !== null) size += Math.min(sizeOf(merge), stepQuota(merge, { depth, ...context }));
  }
  return size;
}

/** The merge of a level that goes on, or that is due to begin; null for none. */
function mergeOf(
  { merge, runs }: Level,
  rule: { readonly expiry: Expiry | null; readonly horizon: number },
): Merge | null {
  if (merge !== null) return merge;
  const early = runs.some((run) => isMostlyExpired(run, rule));
  if (runs.length < MERGE_WIDTH && !early) return null;
  return { inputs: runs.slice(0, MERGE_WIDTH), from: null, output: null };
}

function sizeOf({ inputs }: Merge): number {
  return inputs.reduce((sum, run) => sum + run.size, 0);
}

/** Bytes of input after which a step of the merge ends. */
function stepQuota(
  merge: Merge,
  { depth, blockSize }: { readonly depth: number; readonly blockSize: number },
): number {
  return Math.max(STEP_BLOCKS_MIN * blockSize, Math.ceil(sizeOf(merge) / stepsOf(depth)));
}

/**
 * Whether at least half of a run's records have expired, going by the span of their expiries: then
 * it is merged before three others wait beside it. Expiries that lie unevenly deceive it at most a
 * few times a run, since each merge leaves at most half of the span.
 */
function isMostlyExpired(
  { expiresFirst, expiresLast }: Run,
  { expiry, horizon }: { readonly expiry: Expiry | null; readonly horizon: number },
): boolean {
  if (expiry === null || horizon < expiresFirst) return false;
  return 2 * (horizon - expiresFirst) >= expiresLast - expiresFirst;
}

/** Steps in which a merge of this level is done: half as many as until four more runs come. */
function stepsOf(depth: number): number {
  return MERGE_WIDTH ** (depth + 1) / 2;
}

interface GrowingLevel {
  merge: Level['merge'];
  readonly runs: Run[];
}

function levelAt(levels: GrowingLevel[], depth: number): GrowingLevel {
  assert(depth <= levels.length, 'levels are added one by one');
  const level = levels[depth] ?? { merge: LEVEL_EMPTY.merge, runs: [] };
  levels[depth] = level;
  return level;
}

function isEmpty(level: Level): boolean {
  return level.merge === null && level.runs.length === 0;
}

function* layerRun(
  context: WorkContext,
  { table, combine, expiry }: TableWork,
  options: { readonly layer: Layer; readonly bottom: boolean },
): Generator<Pause, Run | null> {
  const { blockSize, sink, horizon } = context;
  const builder = new RunBuilder({ table, blockSize, sink, expiry });
  const rule = { bottom: options.bottom, expiry, horizon };
  const source = new LayerSource(options.layer, null);
  const fold = new RecordFold(combine);
  for (let key = source.key(); key !== null; key = source.key()) {
    fold.begin();
    fold.older(source.kind(), source.value());
    if (options.bottom) fold.end();
    if (isKept(fold, key, rule)) builder.append(present(fold.kind), key, fold.part);
    const size = source.weight();
    source.advance();
    const pause = sink.recordDone(size);
    if (pause !== null) yield pause;
  }
  return builder.finish();
}
