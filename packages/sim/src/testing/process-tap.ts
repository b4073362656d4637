import { SECTOR_SIZE, type StoragePort, type TraceEvent } from '@kimberlite/vsr';
import type { HostSetup, ReplicaMaker } from '../cluster/replica-maker.ts';

/** Something that a replica told about itself, and which one it was. */
export interface Seen {
  readonly slot: number;
  readonly event: TraceEvent;
}

/** A replica that gave up, and why. */
export interface GivenUp {
  readonly slot: number;
  readonly reason: string;
}

/**
 * What is held back while a disk hangs: everything, all writes, those of checkpoints, or reads of
 * these.
 */
export type Hang = 'all' | 'writes' | 'blocks' | 'block_reads';

/**
 * Stands between the replicas and their ports: remembers what they tell, lets their disks hang, and
 * takes note of a replica that gives up where the test says that this may happen.
 */
export class ProcessTap {
  /** Everything told so far, oldest first. Bodies of committed ops are not valid any more. */
  readonly seen: Seen[];
  readonly givenUp: GivenUp[];
  /** Id of the cluster under test; zero before the first replica starts. */
  clusterId: bigint;
  /** For each replica, offsets in the block area that were ever written. */
  readonly blockOffsets: Map<number, Set<number>>;
  private readonly mayGiveUp: Set<number>;
  private readonly hanging: Map<number, Hang>;
  private readonly held: Map<number, (() => void)[]>;

  constructor() {
    this.seen = [];
    this.givenUp = [];
    this.clusterId = 0n;
    this.blockOffsets = new Map();
    this.mayGiveUp = new Set();
    this.hanging = new Map();
    this.held = new Map();
  }

  wrap(maker: ReplicaMaker): ReplicaMaker {
    return {
      format: (setup) => maker.format(setup),
      create: (setup) => maker.create(this.tapped(setup)),
    };
  }

  /** From now on this replica may find its data file unusable without failing the test. */
  allowGivingUp(slot: number): void {
    this.mayGiveUp.add(slot);
  }

  /** The disk takes what it is asked, and does nothing about it until `release`. */
  hang(slot: number, hang: Hang): void {
    this.hanging.set(slot, hang);
  }

  /** The disk goes on with what it was asked meanwhile, in that order. */
  release(slot: number): void {
    this.hanging.delete(slot);
    const held = this.held.get(slot) ?? [];
    this.held.delete(slot);
    for (const ask of held) ask();
  }

  private tapped(setup: HostSetup): HostSetup {
    const { slot, ports } = setup;
    this.clusterId = setup.cluster;
    this.held.delete(slot); // What an earlier life was waiting for is lost with it.
    return {
      ...setup,
      ports: {
        ...ports,
        storage: this.storage(slot, ports.storage),
        trace: {
          trace: (event): void => {
            this.seen.push({ slot, event });
            ports.trace.trace(event);
          },
        },
      },
      onFatal: (reason): void => {
        this.givenUp.push({ slot, reason });
        if (!this.mayGiveUp.has(slot)) setup.onFatal(reason);
      },
    };
  }

  private storage(slot: number, disk: StoragePort): StoragePort {
    return {
      read: (zone, offset, length, done): void => {
        const ask = (): void => disk.read(zone, offset, length, done);
        if (this.holdsReads(slot, zone)) this.hold(slot, ask);
        else ask();
      },
      write: (zone, offset, bytes, done): void => {
        const ask = (): void => disk.write(zone, offset, bytes, done);
        if (zone === 'blocks') this.noteBlocks(slot, offset, bytes.length);
        if (this.holdsWrites(slot, zone)) this.hold(slot, ask);
        else ask();
      },
    };
  }

  private holdsReads(slot: number, zone: string): boolean {
    const hang = this.hanging.get(slot);
    return hang === 'all' || (hang === 'block_reads' && zone === 'blocks');
  }

  private holdsWrites(slot: number, zone: string): boolean {
    const hang = this.hanging.get(slot);
    return hang === 'all' || hang === 'writes' || (hang === 'blocks' && zone === 'blocks');
  }

  private noteBlocks(slot: number, offset: number, length: number): void {
    const known = this.blockOffsets.get(slot) ?? new Set();
    this.blockOffsets.set(slot, known);
    for (let at = offset; at < offset + length; at += SECTOR_SIZE) known.add(at);
  }

  private hold(slot: number, ask: () => void): void {
    const held = this.held.get(slot);
    if (held === undefined) this.held.set(slot, [ask]);
    else held.push(ask);
  }
}
