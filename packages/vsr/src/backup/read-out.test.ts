import { FOREST_ROOT_SIZE } from '@kimberlite/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClusterConfig, CONFIG_SIMULATION, SECTOR_SIZE } from '../config.ts';
import type { StoragePort } from '../host/ports.ts';
import type { LogHeader } from '../message/header-list.ts';
import { Op, View, ZERO_CHECKSUM } from '../std/numbers.ts';
import type { Zone } from '../storage-layout.ts';
import type { BackupPoint } from './backup-point.ts';
import type { ReadOutStep } from './read-out.ts';
import { ReadOutStorage } from './read-out-storage.ts';

/** Blocks and slots of one sector, so that a byte tells what stands in one. */
const CONFIG: ClusterConfig = {
  ...CONFIG_SIMULATION,
  messageSizeMax: SECTOR_SIZE,
  blockSize: SECTOR_SIZE,
};
const { walSlots } = CONFIG;
const CHECKPOINT_OP = 45;
const PLENTY = 1024 * 1024;

/** A disk whose calls end when the test says so, in any order. */
class HeldDisk implements StoragePort {
  readonly sectors: Record<'blocks' | 'wal_prepares', Map<number, number>>;
  /** What was asked for and has not happened yet. */
  readonly held: (() => void)[] = [];
  failing = false;

  constructor(config: ClusterConfig) {
    this.sectors = { blocks: new Map(), wal_prepares: new Map() };
    for (let at = 0; at < 64; at += 1) this.sectors.blocks.set(at, at);
    for (let at = 0; at < config.walSlots; at += 1) this.sectors.wal_prepares.set(at, 100 + at);
  }

  read(zone: Zone, offset: number, length: number, done: (bytes: Uint8Array | null) => void): void {
    if (zone !== 'blocks' && zone !== 'wal_prepares') throw new Error('a zone that a backup reads');
    this.held.push(() => {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at += SECTOR_SIZE) {
        bytes.fill(this.sectors[zone].get((offset + at) / SECTOR_SIZE) ?? 0, at, at + SECTOR_SIZE);
      }
      done(this.failing ? null : bytes);
    });
  }

  write(zone: Zone, offset: number, bytes: Uint8Array, done: () => void): void {
    if (zone !== 'blocks' && zone !== 'wal_prepares') throw new Error('a zone that a backup reads');
    this.held.push(() => {
      for (let at = 0; at < bytes.length; at += SECTOR_SIZE) {
        this.sectors[zone].set((offset + at) / SECTOR_SIZE, bytes[at] ?? 0);
      }
      done();
    });
  }

  /** Lets one call happen. */
  complete(which: number): void {
    const [call] = this.held.splice(which % this.held.length, 1);
    call?.();
  }

  settle(): void {
    while (this.held.length > 0) this.complete(0);
  }
}

function pointOf(options: { readonly ops: number; readonly used: readonly number[] }): BackupPoint {
  const log = Array.from({ length: options.ops }, (_, at) => {
    const header = { op: Op(CHECKPOINT_OP + 1 + at), size: 300 };
    // SAFETY: these are all the fields that are read.
    return { header, bytes: new Uint8Array(256) } as unknown as LogHeader;
  });
  const numbers: number[] = [];
  let end = 0;
  for (const address of options.used) {
    if (address === end + 1 && numbers.length > 0)
      numbers[numbers.length - 1] = (numbers.at(-1) ?? 0) + 1;
    else numbers.push(address - end - 1, 1);
    end = address;
  }
  return {
    cluster: 7n,
    config: CONFIG,
    machine: { name: 'mine', id: 5n },
    slot: 0,
    replicaCount: 1,
    incarnation: 1n,
    view: View(0),
    logView: View(0),
    checkpoint: {
      op: Op(CHECKPOINT_OP),
      prepareChecksum: ZERO_CHECKSUM,
      timestampNext: 0,
      parentId: ZERO_CHECKSUM,
      forestRoot: new Uint8Array(FOREST_ROOT_SIZE),
    },
    used: new Uint8Array(new Uint32Array([numbers.length / 2, ...numbers]).buffer),
    log,
  };
}

/** Takes everything that is delivered apart into sectors: place and content. */
class Reader {
  readonly blocks = new Map<number, number>();
  readonly prepares = new Map<number, number>();
  readonly ends: ReadOutStep[] = [];
  twice = 0;

  take(step: ReadOutStep): void {
    if (step.kind === 'prepare') this.note(this.prepares, step.op, step.bytes[0] ?? -1);
    else if (step.kind === 'blocks') {
      for (let at = 0; at < step.bytes.length; at += SECTOR_SIZE) {
        this.note(this.blocks, step.address + at / SECTOR_SIZE, step.bytes[at] ?? -1);
      }
    } else this.ends.push(step);
  }

  private note(map: Map<number, number>, place: number, content: number): void {
    if (map.has(place)) this.twice += 1;
    map.set(place, content);
  }
}

const NEW = 200;

type Action =
  | { readonly kind: 'next' }
  | { readonly kind: 'complete'; readonly which: number }
  | { readonly kind: 'write_blocks'; readonly address: number; readonly count: number }
  | { readonly kind: 'write_slot'; readonly walSlot: number };

const actionArbitrary: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ kind: fc.constant('next' as const) }),
  fc.record({ kind: fc.constant('complete' as const), which: fc.nat(20) }),
  fc.record({
    kind: fc.constant('write_blocks' as const),
    address: fc.integer({ min: 1, max: 30 }),
    count: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({
    kind: fc.constant('write_slot' as const),
    walSlot: fc.integer({ min: 0, max: walSlots - 1 }),
  }),
);

describe('a backup that is read while its disk is written', () => {
  it('gets everything once and as it was, and every write ends, whatever comes when', () => {
    fc.assert(
      fc.property(
        fc.nat(20),
        fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 30 }),
        fc.array(actionArbitrary, { maxLength: 120 }),
        (ops, addresses, actions) => {
          const used = [...addresses].sort((first, other) => first - other);
          const disk = new HeldDisk(CONFIG);
          const storage = new ReadOutStorage(disk);
          const readOut = storage.begin(pointOf({ ops, used }), PLENTY);
          const reader = new Reader();
          let asked = false;
          let writes = 0;
          const busy = new Set<string>();
          const next = (): void => {
            if (asked || reader.ends.length > 0) return;
            asked = true;
            readOut.next((step) => {
              asked = false;
              reader.take(step);
            });
          };
          const write = (zone: 'blocks' | 'wal_prepares', first: number, count: number): void => {
            const places = Array.from({ length: count }, (_, at) => `${zone} ${first + at}`);
            // As a replica does, which never has two writes to one place on their way.
            if (places.some((place) => busy.has(place))) return;
            for (const place of places) busy.add(place);
            writes += 1;
            const bytes = new Uint8Array(count * SECTOR_SIZE).fill(NEW);
            storage.write(zone, first * SECTOR_SIZE, bytes, () => {
              writes -= 1;
              for (const place of places) busy.delete(place);
            });
          };
          for (const action of actions) {
            if (action.kind === 'next') next();
            else if (action.kind === 'complete') disk.complete(action.which);
            else if (action.kind === 'write_slot') write('wal_prepares', action.walSlot, 1);
            else write('blocks', action.address - 1, action.count);
          }
          // No write waits for the reader, only for reads.
          disk.settle();
          expect(writes).toBe(0);
          while (reader.ends.length === 0) {
            next();
            disk.settle();
          }
          expect(reader.ends).toEqual([{ kind: 'done' }]);
          expect(reader.twice).toBe(0);
          expect([...reader.blocks].sort(([first], [other]) => first - other)).toEqual(
            used.map((address) => [address, address - 1]),
          );
          const log = Array.from({ length: ops }, (_, at) => CHECKPOINT_OP + 1 + at);
          expect([...reader.prepares].sort(([first], [other]) => first - other)).toEqual(
            log.map((op) => [op, 100 + (op % walSlots)]),
          );
          expect(storage.busy).toBe(false);
        },
      ),
    );
  });

  it('ends when more has to be kept than the limit, and holds up no write', () => {
    const disk = new HeldDisk(CONFIG);
    const storage = new ReadOutStorage(disk);
    const readOut = storage.begin(pointOf({ ops: 0, used: [1, 2, 3, 4, 5] }), 3 * SECTOR_SIZE);
    let written = 0;
    for (let address = 1; address <= 5; address += 1) {
      const offset = (address - 1) * SECTOR_SIZE;
      storage.write('blocks', offset, new Uint8Array(SECTOR_SIZE), () => {
        written += 1;
      });
    }
    expect(storage.busy).toBe(false);
    disk.settle();
    expect(written).toBe(5);
    const reader = new Reader();
    readOut.next((step) => reader.take(step));
    expect(reader.ends).toEqual([{ kind: 'failed', reason: 'too_slow' }]);
    expect(reader.blocks.size).toBe(0);
  });

  it('ends when the device does not give something back, and holds up no write', () => {
    const disk = new HeldDisk(CONFIG);
    const storage = new ReadOutStorage(disk);
    const readOut = storage.begin(pointOf({ ops: 1, used: [1] }), PLENTY);
    const reader = new Reader();
    readOut.next((step) => reader.take(step));
    let written = false;
    const walSlot = (CHECKPOINT_OP + 1) % walSlots;
    storage.write('wal_prepares', walSlot * SECTOR_SIZE, new Uint8Array(SECTOR_SIZE), () => {
      written = true;
    });
    expect(disk.held).toHaveLength(1);
    disk.failing = true;
    disk.settle();
    expect(written).toBe(true);
    expect(reader.ends).toEqual([{ kind: 'failed', reason: 'unreadable' }]);
  });

  it('lets writes go when nobody wants it any more, and may begin again', () => {
    const disk = new HeldDisk(CONFIG);
    const storage = new ReadOutStorage(disk);
    const readOut = storage.begin(pointOf({ ops: 0, used: [3] }), PLENTY);
    storage.write('blocks', 2 * SECTOR_SIZE, new Uint8Array(SECTOR_SIZE), () => {});
    expect(storage.busy).toBe(true);
    // The read that it waits for, and behind it, at once, the write.
    expect(disk.held).toHaveLength(1);
    readOut.cancel();
    expect(disk.held).toHaveLength(2);
    expect(storage.busy).toBe(false);
    disk.settle();
    const again = storage.begin(pointOf({ ops: 0, used: [4] }), PLENTY);
    const reader = new Reader();
    again.next((step) => reader.take(step));
    disk.settle();
    expect([...reader.blocks]).toEqual([[4, 3]]);
  });
});
