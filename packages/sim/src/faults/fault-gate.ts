import { present } from '@kimberlite/store';
import type { EventQueue } from '../std/event-queue.ts';

/** Every kind of thing that a run may be replayed without. */
export const FAULT_KINDS = [
  'loss',
  'overflow',
  'replay',
  'echo',
  'garble',
  'clog',
  'congestion',
  'command_loss',
  'partition',
  'crash',
  'crash_at_event',
  'power_cut',
  'lost_disk',
  'old_file',
  'pause',
  'gray',
  'mutation',
  'clock_step',
  'client_crash',
  'hint',
  'read_fault',
  'write_fault',
  'latent_fault',
  'head_fault',
  'misdirect',
  'torn_write',
  'write_error',
  'dropped_write',
  'disk_hang',
  'full_disk',
  // No faults, but removable too: a client asks, a packet arrives.
  'request',
  'query',
  'delivery',
] as const;

/** One of `FAULT_KINDS`. */
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Faults whose place is a replica. */
const FAULTS_OF_REPLICAS: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'crash',
  'crash_at_event',
  'lost_disk',
  'old_file',
  'pause',
  'clock_step',
  'read_fault',
  'write_fault',
  'latent_fault',
  'head_fault',
  'misdirect',
  'torn_write',
  'write_error',
  'dropped_write',
  'disk_hang',
  'full_disk',
  'gray',
]);

/** Whether it is something that a client asks, and no fault. */
export function isAsked(kind: FaultKind): boolean {
  return kind === 'request' || kind === 'query';
}

/** Ordinals from the first to the second, both included; null is without end. */
export type OrdinalRange = readonly [number, number | null];

/** What a run is replayed without. Faults are named by their ordinal among those of their kind. */
export interface Removed {
  readonly faults: Readonly<Partial<Record<FaultKind, readonly OrdinalRange[]>>>;
  /** Indices of clients that never say a word. */
  readonly clients: readonly number[];
}

/** The run as its seed draws it. */
export const NOTHING_REMOVED: Removed = { faults: {}, clients: [] };

/** A fault that was drawn. Two numbers say where: link ends, replica and sector, or the like. */
export interface DrawnFault {
  readonly kind: FaultKind;
  readonly ordinal: number;
  readonly removed: boolean;
  readonly place: number;
  /** -1 where one number says it all. */
  readonly otherPlace: number;
}

export interface FaultGateOptions {
  readonly removed: Removed;
  /** From this event on nothing passes any more; null for never. */
  readonly closedFrom: number | null;
}

/**
 * Stands between the draw of a fault and the fault, numbers it, and holds it back where the run is
 * to be replayed without it. It stands behind the draw so that the generators stay in step. What is
 * drawn once a tick (crashes, pauses, partitions, ...) is drawn whatever the cluster does, and has
 * a number whether it can happen or not: so its number names the same draw in every replay. What is
 * drawn for a packet, a read or a write can only be numbered as they come.
 */
export class FaultGate {
  /** Faults drawn so far, by kind, those held back included. */
  private readonly drawn: Map<FaultKind, { count: number }>;
  /** Told each fault, for traces; null costs nothing. Deliveries are not told. */
  onFault: ((fault: DrawnFault) => void) | null;
  /** Ordinals of what was drawn, could happen and was let through; null: not noted. */
  private happened: Map<FaultKind, number[]> | null;
  private readonly queue: EventQueue;
  private readonly options: FaultGateOptions;
  private readonly removed: ReadonlyMap<FaultKind, readonly OrdinalRange[]>;

  constructor(queue: EventQueue, options: FaultGateOptions) {
    this.drawn = new Map(FAULT_KINDS.map((kind) => [kind, { count: 0 }]));
    this.onFault = null;
    this.happened = null;
    this.queue = queue;
    this.options = options;
    const entries = FAULT_KINDS.flatMap((kind): [FaultKind, readonly OrdinalRange[]][] => {
      const ranges = options.removed.faults[kind];
      return ranges === undefined || ranges.length === 0 ? [] : [[kind, ranges]];
    });
    this.removed = new Map(entries);
  }

  /** The fault may happen. Counts it in any case. */
  allow(kind: FaultKind, place: number, otherPlace = -1): boolean {
    const drawn = this.of(kind);
    const ordinal = drawn.count;
    drawn.count += 1;
    const removed = this.isRemoved(kind, ordinal);
    if (this.onFault !== null && kind !== 'delivery') {
      this.onFault({ kind, ordinal, removed, place, otherPlace });
    }
    if (!removed && this.happened !== null) this.note(this.happened, kind, ordinal);
    return !removed;
  }

  /**
   * It was drawn where it can do nothing now: a crash of what is down, say. It takes its number all
   * the same, or what is held back elsewhere would give later ones other numbers.
   */
  skip(kind: FaultKind): void {
    this.of(kind).count += 1;
  }

  /** Faults of this kind drawn so far, those held back included. */
  count(kind: FaultKind): number {
    return this.of(kind).count;
  }

  counts(): Record<FaultKind, number> {
    const counts = emptyFaultCounts();
    for (const [kind, { count }] of this.drawn) counts[kind] = count;
    return counts;
  }

  private of(kind: FaultKind): { count: number } {
    return present(this.drawn.get(kind), 'each kind is counted');
  }

  /** From now on what happens is noted, for `ordinals`. */
  record(): void {
    this.happened = new Map();
  }

  /** Ordinals that happened while they were noted, ascending. */
  ordinals(kind: FaultKind): readonly number[] {
    return this.happened?.get(kind) ?? [];
  }

  private note(happened: Map<FaultKind, number[]>, kind: FaultKind, ordinal: number): void {
    const known = happened.get(kind);
    if (known === undefined) happened.set(kind, [ordinal]);
    else known.push(ordinal);
  }

  private isRemoved(kind: FaultKind, ordinal: number): boolean {
    const { closedFrom } = this.options;
    if (closedFrom !== null && this.queue.processed >= closedFrom) {
      if (!isAsked(kind) && kind !== 'delivery') return true;
    }
    if (this.removed.size === 0) return false;
    const ranges = this.removed.get(kind);
    return ranges !== undefined && inRanges(ranges, ordinal);
  }
}

/** Whether one of the ranges holds the ordinal. */
export function inRanges(ranges: readonly OrdinalRange[], ordinal: number): boolean {
  return ranges.some(([first, last]) => ordinal >= first && (last === null || ordinal <= last));
}

/** No fault of any kind. */
export function emptyFaultCounts(): Record<FaultKind, number> {
  const zeros = FAULT_KINDS.map((kind) => [kind, 0] as const);
  return Object.fromEntries(zeros) as Record<FaultKind, number>; // SAFETY: one of each kind.
}

/** The replica that a fault befalls; null for the network, the clients and all at once. */
export function replicaOf({ kind, place }: DrawnFault): number | null {
  return FAULTS_OF_REPLICAS.has(kind) && place >= 0 ? place : null;
}
