import { type BlockFormat, REFERENCE_SIZE } from '../block.ts';
import { compareBytes } from '../bytes.ts';
import type { BlockReference } from '../forest-types.ts';
import { present } from '../std/assert.ts';
import {
  isPage,
  OUTLINE_REFERENCES,
  pageChild,
  pageCount,
  pageRecord,
  recordIsOutline,
  recordKey,
  recordPart,
} from './page.ts';
import { referenceAt } from './reference.ts';
import type { Run } from './run.ts';
import { type RunView, runViews } from './table-levels.ts';
import type { Tree } from './tree.ts';
import { firstChild } from './tree-walk.ts';

/** A part of a tour. */
type Leg =
  | { readonly kind: 'metadata'; next: number }
  | {
      readonly kind: 'run';
      readonly table: number;
      readonly run: Run;
      /** Children that end at or below this key are left out; null: none. */
      readonly from: Uint8Array | null;
      /** Children that begin at or above this key are left out; null: none. */
      readonly until: Uint8Array | null;
      /** How far into the run it begins, 0 to 1, when it is the first leg; else null. */
      readonly fraction: number | null;
      /** The first; what of the origin's run lies before it; a second look at what was rotten. */
      readonly lap: 'first' | 'before_origin' | 'again';
    };
type RunLeg = Extract<Leg, { kind: 'run' }>;

/** An index page on the way to where the tour is. */
interface OpenPage {
  readonly page: Uint8Array;
  readonly level: number;
  /** The child that is read next. */
  index: number;
}

/** Blocks named last: children of the lowest open page, or the root; values; metadata. */
interface Reading {
  readonly references: readonly BlockReference[];
  readonly what: 'pages' | 'values' | 'metadata';
  /** Of the pages. */
  readonly level: number;
}

/**
 * Goes once over all blocks of a tree, each after the one that names it, from a place in the middle
 * round to where it began, while the tree moves on. Blocks that come into being meanwhile are
 * fresh: what must not be missed are those that stay. Runs never change but at their end, so a tour
 * goes run by run and knows its place in one by the key.
 *
 * It neither reads nor writes: `next` names blocks, `take` is given what stands there.
 */
export class TreeTour {
  private readonly format: BlockFormat;
  private tree: Tree;
  /** The first is under way. */
  private legs: Leg[];
  /** From the root down; empty before the root of the leg is read. */
  private open: OpenPage[] = [];
  private opened = false;
  /** Names of blocks of values in the leaves read last, one reference after another. */
  private values: Uint8Array[] = [];
  /** First key of the leaves whose values are being read; null when they are done. */
  private valuesOf: Uint8Array | null = null;
  private reading: Reading | null = null;
  /** How far into the child of each level below; null once the leg's first leaf is found. */
  private fraction: number | null = null;
  private seenCount = 0;

  /** `fraction`, from 0 to below 1: the share of the tree before the place where it begins. */
  constructor(format: BlockFormat, tree: Tree, fraction: number) {
    this.format = format;
    this.tree = tree;
    this.legs = legsOf(tree, fraction);
  }

  /** Blocks that were looked at. */
  get seen(): number {
    return this.seenCount;
  }

  /**
   * The blocks to read next: neighbours on the disk in the order of their addresses, at most
   * `limit`. Empty at the end of the tour.
   */
  next(limit: number): readonly BlockReference[] {
    for (let leg = this.legs[0]; leg !== undefined; leg = this.legs[0]) {
      this.reading =
        leg.kind === 'metadata' ? this.nextMetadata(leg, limit) : this.nextOfRun(leg, limit);
      if (this.reading !== null) return this.reading.references;
      this.beginLeg(this.legs.slice(1));
    }
    return [];
  }

  /**
   * What stands where `next` said, all of it in one piece; null when it can't be read. Returns the
   * blocks that are not what was written. Nothing, when the tree has changed since: then their
   * places may be others' by now, and the tour names them again if they are still its own.
   */
  take(bytes: Uint8Array | null): BlockReference[] {
    const { reading } = this;
    if (reading === null) return [];
    this.reading = null;
    const rotten: BlockReference[] = [];
    const { blockSize, checksum } = this.format;
    reading.references.forEach((reference, at) => {
      const block = bytes?.subarray(at * blockSize, (at + 1) * blockSize) ?? null;
      const whole = block !== null && checksum.hash(block) === reference.checksum;
      if (!whole) rotten.push(reference);
      this.seenCount += 1;
      this.goOn(reading, whole ? block : null);
    });
    return rotten;
  }

  /** The tree is now this one. */
  follow(tree: Tree): void {
    if (tree === this.tree) return;
    const before = viewsOf(this.tree);
    const now = viewsOf(tree);
    const [current, ...rest] = this.legs;
    this.tree = tree;
    this.reading = null;
    const legs = current === undefined ? [] : [this.rest(current), ...rest];
    this.beginLeg(joined(legs.flatMap((leg) => successors(leg, before, now))));
  }

  private beginLeg(legs: Leg[]): void {
    this.legs = legs;
    this.open = [];
    this.opened = false;
    this.values = [];
    this.valuesOf = null;
    const leg = legs[0];
    this.fraction = leg?.kind === 'run' ? leg.fraction : null;
  }

  /** What is left of the leg that is under way. */
  private rest(leg: Leg): Leg {
    if (leg.kind === 'metadata' || !this.opened || this.fraction !== null) return leg;
    const lowest = this.open.findLast(({ page, index }) => index < pageCount(page));
    const next = lowest === undefined ? null : childKey(lowest.page, lowest.index);
    const from = this.valuesOf ?? next;
    // Past the last child: nothing lies between its end and its end.
    const rest: RunLeg = { ...leg, fraction: null };
    return from === null ? { ...rest, until: leg.run.first } : { ...rest, from };
  }

  private nextMetadata(leg: Extract<Leg, { kind: 'metadata' }>, limit: number): Reading | null {
    const { metadata } = this.tree;
    if (leg.next >= metadata.length) return null;
    const references = neighbours(limit, (at) => metadata[leg.next + at] ?? null);
    return { references, what: 'metadata', level: 0 };
  }

  private nextOfRun(leg: RunLeg, limit: number): Reading | null {
    const { values } = this;
    if (values.length > 0) {
      const references = neighbours(limit, (at) => {
        const name = values[at];
        return name === undefined ? null : referenceAt(name, 0);
      });
      return { references, what: 'values', level: 0 };
    }
    this.valuesOf = null;
    if (!this.opened) {
      if (leg.until !== null && compareBytes(leg.run.first, leg.until) >= 0) return null;
      const references = [referenceAt(leg.run.root, 0)];
      return { references, what: 'pages', level: leg.run.height };
    }
    for (let top = this.open.at(-1); top !== undefined; top = this.open.at(-1)) {
      const { page, level, index } = top;
      if (index < pageCount(page) && !isBeyond(page, index, leg.until)) {
        // What an index page names may lie anywhere; leaves were written one after another.
        const most = level === 1 ? limit : 1;
        const references = neighbours(most, (at) => {
          const child = index + at;
          if (child >= pageCount(page) || isBeyond(page, child, leg.until)) return null;
          return referenceAt(page, pageChild(page, child));
        });
        return { references, what: 'pages', level: level - 1 };
      }
      this.open.pop();
    }
    return null;
  }

  /** One block was looked at; `block` is null when it is rotten, and then what it names waits. */
  private goOn(reading: Reading, block: Uint8Array | null): void {
    const leg = this.legs[0];
    if (leg?.kind === 'metadata') leg.next += 1;
    if (reading.what === 'values') this.values.shift();
    if (reading.what !== 'pages' || leg?.kind !== 'run') return;
    const parent = this.open.at(-1);
    const key = parent === undefined ? leg.run.first : childKey(parent.page, parent.index);
    const next = parent === undefined ? null : childKey(parent.page, parent.index + 1);
    if (parent !== undefined) parent.index += 1;
    this.opened = true;
    const { table } = leg;
    const { level } = reading;
    if (this.fraction !== null && (level === 0 || block === null)) this.settleOrigin(leg, key);
    if (block === null) {
      this.lookAgain(leg, { from: key, until: next ?? leg.until });
    } else if (isPage(block, { table, level })) {
      if (level > 0) this.openPage(leg, block, level);
      else this.wantValues(block, key);
    }
  }

  private openPage(leg: RunLeg, block: Uint8Array, level: number): void {
    const page = block.slice(); // The bytes are the caller's again.
    let index = firstChild(page, leg.from);
    if (this.fraction !== null) {
      const share = this.fraction * pageCount(page);
      index = Math.max(index, Math.floor(share));
      this.fraction = share - Math.floor(share);
    }
    this.open.push({ page, level, index });
  }

  private wantValues(leaf: Uint8Array, key: Uint8Array | null): void {
    for (let index = 0; index < pageCount(leaf); index += 1) {
      const record = pageRecord(leaf, index);
      if (!recordIsOutline(leaf, record)) continue;
      const part = recordPart(leaf, record);
      for (let name = OUTLINE_REFERENCES; name < part.length; name += REFERENCE_SIZE) {
        this.values.push(part.slice(name, name + REFERENCE_SIZE));
      }
    }
    if (this.values.length > 0) this.valuesOf ??= key?.slice() ?? null;
  }

  /** The tour ends where it began: the last leg is the part of this run before this page. */
  private settleOrigin(leg: RunLeg, key: Uint8Array | null): void {
    this.fraction = null;
    if (key !== null)
      this.legs.push({ ...leg, fraction: null, until: key.slice(), lap: 'before_origin' });
  }

  /** What a rotten page names is looked at once more at the end, when it may be mended. */
  private lookAgain(
    leg: RunLeg,
    range: { readonly from: Uint8Array | null; readonly until: Uint8Array | null },
  ): void {
    if (leg.lap === 'again') return;
    const from = range.from?.slice() ?? null;
    const until = range.until?.slice() ?? null;
    this.legs.push({ ...leg, from: later(from, leg.from), until, fraction: null, lap: 'again' });
  }
}

/** All of the tree, beginning at `fraction`. */
function legsOf(tree: Tree, fraction: number): Leg[] {
  const legs: Leg[] = [{ kind: 'metadata', next: 0 }];
  for (const { table, run, from } of viewsOf(tree).values()) {
    legs.push({ kind: 'run', table, run, from, until: null, fraction: null, lap: 'first' });
  }
  const sizes = legs.map((leg) => (leg.kind === 'run' ? leg.run.blocks : tree.metadata.length));
  let before = fraction * sizes.reduce((sum, size) => sum + size, 0);
  let first = 0;
  while (first < legs.length - 1 && before >= present(sizes[first])) {
    before -= present(sizes[first]);
    first += 1;
  }
  const origin = present(legs[first]);
  const within = Math.min(before / Math.max(1, present(sizes[first])), 0.999);
  const begin: Leg =
    origin.kind === 'run' && origin.run.height > 0 ? { ...origin, fraction: within } : origin;
  return [begin, ...legs.slice(first + 1), ...legs.slice(0, first)];
}

interface PlacedRun extends RunView {
  readonly table: number;
  /** It is the output of a merge: it may get another root, and keep its blocks. */
  readonly grows: boolean;
}

function viewsOf(tree: Tree): Map<string, PlacedRun> {
  const views = new Map<string, PlacedRun>();
  for (const { table, levels } of tree.tables) {
    const outputs = new Set(levels.map(({ merge }) => merge?.output));
    for (const { run, from } of runViews(levels)) {
      views.set(nameOf(table, run), { table, run, from, grows: outputs.has(run) });
    }
  }
  return views;
}

/** Where the blocks of a leg are now, as far as they still are. */
function successors(
  leg: Leg,
  before: ReadonlyMap<string, PlacedRun>,
  now: ReadonlyMap<string, PlacedRun>,
): Leg[] {
  if (leg.kind === 'metadata') return [{ ...leg, next: 0 }];
  const { table, run } = leg;
  const same = now.get(nameOf(table, run));
  if (same !== undefined) return [{ ...leg, from: later(leg.from, same.from) }];
  if (before.get(nameOf(table, run))?.grows !== true) return [];
  // It has another root now, is longer, and begins as before. Another run may look so: it is
  // looked at in vain.
  return [...now]
    .filter(([name, view]) => {
      if (before.has(name) || view.table !== table || view.run.records < run.records) return false;
      return compareBytes(view.run.first, run.first) === 0;
    })
    .map(([, view]) => ({ ...leg, run: view.run, from: later(leg.from, view.from) }));
}

/** Legs of one run and lap are made one: else those looked at in vain would multiply. */
function joined(legs: readonly Leg[]): Leg[] {
  const byName = new Map<string, Leg>();
  for (const leg of legs) {
    const name = leg.kind === 'run' ? `${leg.lap} ${nameOf(leg.table, leg.run)}` : leg.kind;
    const known = byName.get(name);
    if (known?.kind === 'run' && leg.kind === 'run') {
      const from = known.from === null || leg.from === null ? null : earlier(known.from, leg.from);
      const until =
        known.until === null || leg.until === null ? null : later(known.until, leg.until);
      byName.set(name, { ...known, from, until, fraction: null });
    } else {
      byName.set(name, leg);
    }
  }
  return [...byName.values()];
}

function nameOf(table: number, run: Run): string {
  return `${table} ${run.root.join(' ')}`;
}

/** The first and those behind it that follow on the disk without a gap. */
function neighbours(
  limit: number,
  at: (index: number) => BlockReference | null,
): readonly BlockReference[] {
  const found: BlockReference[] = [];
  while (found.length < Math.max(1, limit)) {
    const reference = at(found.length);
    if (reference === null) break;
    if (found.length > 0 && reference.address !== present(found[0]).address + found.length) break;
    found.push(reference);
  }
  return found;
}

function childKey(page: Uint8Array, index: number): Uint8Array | null {
  return index < pageCount(page) ? recordKey(page, pageRecord(page, index)) : null;
}

function isBeyond(page: Uint8Array, index: number, until: Uint8Array | null): boolean {
  return until !== null && compareBytes(recordKey(page, pageRecord(page, index)), until) >= 0;
}

function earlier(one: Uint8Array, other: Uint8Array): Uint8Array {
  return compareBytes(one, other) <= 0 ? one : other;
}

function later(one: Uint8Array | null, other: Uint8Array | null): Uint8Array | null {
  if (one === null || other === null) return one ?? other;
  return compareBytes(one, other) >= 0 ? one : other;
}
