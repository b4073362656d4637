import { mix128 } from '@kimberlite/store';
import {
  batchEntrySize,
  ClientId,
  CONFIG_SIMULATION,
  encodeMessage,
  HEADER_SIZE,
  Op,
  Prng,
  SECTOR_SIZE,
  View,
  writeBatch,
  ZERO_CHECKSUM,
  type Zone,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { EventQueue } from '../std/event-queue.ts';
import { FaultAtlas } from './fault-atlas.ts';
import { SimulatedStorage, STORAGE_CALM, type StorageOptions } from './storage.ts';

const config = CONFIG_SIMULATION;

function disk(
  options: Partial<StorageOptions> = {},
  faults = false,
  { replicaCount = 3, config = CONFIG_SIMULATION } = {},
) {
  const queue = new EventQueue();
  const prng = new Prng(5n);
  const flags = { wal: faults, blocks: faults };
  const atlas = new FaultAtlas(prng.fork(), { replicaCount, config, ...flags });
  const storage = new SimulatedStorage({
    queue,
    prng: prng.fork(),
    options: { ...STORAGE_CALM, ...options },
    config,
    checksum: mix128,
    slot: 0,
    atlas,
    faults: null,
  });
  const drain = (): void => {
    while (queue.step());
  };
  const read = (zone: Zone, offset: number): Uint8Array | null => {
    let result: Uint8Array | null = null;
    storage.read(zone, offset, SECTOR_SIZE, (bytes) => {
      result = bytes;
    });
    drain();
    return result;
  };
  return { queue, storage, atlas, drain, read };
}

function filled(value: number): Uint8Array {
  return new Uint8Array(SECTOR_SIZE).fill(value);
}

/** A prepare of one request with this body, or of none. */
function prepare(
  op: number,
  body: Uint8Array | null = null,
): { readonly bytes: Uint8Array; readonly checksum: bigint } {
  const fields = { cluster: 1n, replica: 0, view: View(0), release: 1, incarnation: 0n };
  const asked = { client: ClientId(2n), session: 1, request: 1, operation: 16 };
  const requests =
    body === null ? [] : [encodeMessage('request', { ...fields, ...asked }, body, mix128)];
  const batch = new Uint8Array(body === null ? 0 : batchEntrySize(body.length));
  writeBatch(batch, 0, requests);
  const own = { parent: ZERO_CHECKSUM, checkpointId: ZERO_CHECKSUM, commit: Op(0), timestamp: 1 };
  const message = encodeMessage(
    'prepare',
    { ...fields, ...own, op: Op(op), count: requests.length },
    batch,
    mix128,
  );
  return { bytes: message.bytes, checksum: message.header.checksum };
}

/** The sector of redundant headers that holds this one. */
function ringSector(op: number, bytes: Uint8Array): Uint8Array {
  const sector = new Uint8Array(SECTOR_SIZE);
  sector.set(bytes.subarray(0, 256), (op % 16) * 256);
  return sector;
}

describe('simulated disk', () => {
  it('completes after the call has returned, and gives back what was written', () => {
    const { storage, drain, read } = disk();
    let done = false;
    storage.write('wal_prepares', 0, new Uint8Array([1, 2, 3]), () => {
      done = true;
    });
    expect(done).toBe(false);
    drain();
    expect(done).toBe(true);
    const bytes = read('wal_prepares', 0);
    expect(bytes?.subarray(0, 4)).toEqual(new Uint8Array([1, 2, 3, 0]));
  });

  it('holds arbitrary bytes where nothing was written, always the same', () => {
    const first = disk().read('blocks', 8 * SECTOR_SIZE);
    expect(first).toEqual(disk().read('blocks', 8 * SECTOR_SIZE));
    expect(first?.some((byte) => byte !== 0)).toBe(true);
  });

  it('gives zeros for a sector that the device refuses, and what stands beside it', () => {
    const { storage, drain } = disk();
    const length = 2 * SECTOR_SIZE;
    const found: (Uint8Array | null)[] = [];
    const read = (): void => {
      storage.read('wal_headers', 0, length, (bytes) => found.push(bytes));
      drain();
    };
    storage.write('wal_headers', 0, filled(7), () => {});
    drain();
    storage.damage('wal_headers', 1, { kind: 'error' });
    read();
    expect(found[0]?.subarray(0, SECTOR_SIZE)).toEqual(filled(7));
    expect(found[0]?.subarray(SECTOR_SIZE)).toEqual(filled(0));
    storage.damage('wal_headers', 0, { kind: 'error' });
    read();
    expect(found[1]).toBeNull();
  });

  it('refuses writes that overlap, are not aligned or lie outside', () => {
    const { storage } = disk();
    storage.write('wal_prepares', 0, filled(1), () => {});
    expect(() => storage.write('wal_prepares', 0, filled(2), () => {})).toThrow('overlapping');
    expect(() => storage.write('wal_prepares', 1, filled(2), () => {})).toThrow('aligned');
    const end = config.walSlots * config.messageSizeMax;
    expect(() => storage.write('wal_prepares', end, filled(2), () => {})).toThrow('inside');
  });

  it('never completes what was in flight at a crash: it is there, or not', () => {
    const outcomes = new Set<number>();
    const { storage, drain, read } = disk();
    for (let round = 0; round < 20; round += 1) {
      storage.format([{ zone: 'wal_prepares', offset: 0, bytes: filled(1) }]);
      let done = false;
      storage.write('wal_prepares', 0, filled(2), () => {
        done = true;
      });
      storage.crash();
      drain();
      expect(done).toBe(false);
      const bytes = read('wal_prepares', 0) ?? filled(0);
      expect(new Set(bytes).size).toBe(1);
      outcomes.add(bytes[0] ?? 0);
    }
    expect([...outcomes].toSorted((first, other) => first - other)).toEqual([1, 2]);
  });

  it('tears writes in flight into old, new and garbage sectors', () => {
    const seen = new Set<string>();
    const { storage, drain, read } = disk({ crashFaultProbability: 1 });
    for (let round = 0; round < 60; round += 1) {
      storage.format([{ zone: 'wal_prepares', offset: 0, bytes: filled(1) }]);
      storage.write('wal_prepares', 0, filled(2), () => {});
      storage.crash();
      drain();
      const bytes = read('wal_prepares', 0) ?? filled(0);
      if (bytes.every((byte) => byte === 1)) seen.add('old');
      else if (bytes.every((byte) => byte === 2)) seen.add('new');
      else seen.add('garbage');
    }
    expect([...seen].toSorted()).toEqual(['garbage', 'new', 'old']);
  });

  it('rots only where the atlas allows, until it is written again', () => {
    const { storage, atlas, drain, read } = disk({ readFaultProbability: 1 }, true);
    const slots = Array.from({ length: config.walSlots }, (_, slot) => slot);
    for (const slot of slots) {
      storage.format([{ zone: 'wal_prepares', offset: slot * SECTOR_SIZE, bytes: filled(7) }]);
      const bytes = read('wal_prepares', slot * SECTOR_SIZE);
      const sound = bytes?.every((byte) => byte === 7) ?? false;
      expect(sound).toBe(!atlas.prepareMayRot(0, slot));
      storage.write('wal_prepares', slot * SECTOR_SIZE, filled(7), () => {});
      drain();
    }
    const rotten = slots.filter((slot) => atlas.prepareMayRot(0, slot)).length;
    expect(storage.counts.corruptReadsHealed).toBe(rotten);
  });

  it('rots in the checksums alone where that is asked for, and counts it', () => {
    const { storage, atlas, read } = disk({ readFaultProbability: 1, rotChecksums: 1 }, true);
    for (let slot = 0; slot < config.walSlots; slot += 1) {
      storage.format([{ zone: 'wal_prepares', offset: slot * SECTOR_SIZE, bytes: filled(7) }]);
      const bytes = read('wal_prepares', slot * SECTOR_SIZE);
      const wrong = [...(bytes ?? [])].flatMap((byte, at) => (byte === 7 ? [] : [at]));
      expect(wrong).toHaveLength(atlas.prepareMayRot(0, slot) ? 1 : 0);
      for (const at of wrong) expect(at).toBeLessThan(32);
    }
    expect(storage.counts.checksumsRotten).toBeGreaterThan(0);
    expect(storage.counts.checksumsRotten).toBe(storage.counts.corruptReads);
  });

  it('gives the same damage at each read', () => {
    const { storage, read } = disk();
    storage.format([{ zone: 'blocks', offset: 0, bytes: filled(7) }]);
    storage.damage('blocks', 0, { kind: 'flip', bit: 9 });
    const bytes = read('blocks', 0);
    expect(bytes?.[1]).toBe(7 ^ 2);
    expect(read('blocks', 0)).toEqual(bytes);
    storage.damage('blocks', 0, { kind: 'error' });
    expect(read('blocks', 0)).toBeNull();
  });

  it('refuses a redundant header whose body is not on disk yet', () => {
    const { storage, drain } = disk();
    const { bytes, checksum } = prepare(5);
    const slot = 5 * config.messageSizeMax;
    storage.write('wal_prepares', slot, bytes, () => {});
    expect(() => storage.write('wal_headers', 0, ringSector(5, bytes), () => {})).toThrow(
      'disk_order',
    );
    drain();
    expect(storage.evidence.prepareDurable(5, checksum)).toBe(false);
    storage.write('wal_headers', 0, ringSector(5, bytes), () => {});
    drain();
    expect(storage.evidence.prepareDurable(5, checksum)).toBe(true);
    expect(storage.evidence.prepareReadable(5, checksum)).toBe(true);
    expect(storage.evidence.wasDurable(checksum)).toBe(true);
    const other = prepare(5 + config.walSlots);
    storage.write('wal_prepares', slot, other.bytes, () => {});
    drain();
    expect(storage.evidence.prepareDurable(5, checksum)).toBe(false);
    expect(storage.evidence.wasDurable(checksum)).toBe(true);
    expect(storage.evidence.wasDurable(other.checksum)).toBe(false);
  });
});

describe('a prepare on a simulated disk', () => {
  const OP = 5;
  const OFFSET = OP * config.messageSizeMax;
  const REQUEST = new Uint8Array([1, 2, 3]);

  /** A disk with both parts of a prepare, and then with these bytes in its slot. */
  function written(change: (sector: Uint8Array) => void, replicaCount = 3) {
    const { storage } = disk({}, false, { replicaCount });
    const { bytes, checksum } = prepare(OP, REQUEST);
    const sector = new Uint8Array(SECTOR_SIZE);
    sector.set(bytes);
    change(sector);
    storage.format([
      { zone: 'wal_prepares', offset: OFFSET, bytes: sector },
      { zone: 'wal_headers', offset: 0, bytes: ringSector(OP, bytes) },
    ]);
    const { evidence } = storage;
    return {
      storage,
      slotState: evidence.slotState(OP),
      readable: evidence.prepareReadable(OP, checksum),
    };
  }

  it('can be read when it is whole', () => {
    const found = written(() => {});
    expect(found).toMatchObject({ slotState: 'readable', readable: true });
    // What was there before or comes after in the same slot is another op.
    expect(found.storage.evidence.slotState(OP + config.walSlots)).toBe('absent');
    expect(found.storage.evidence.slotState(OP + 1)).toBe('damaged');
  });

  it('is torn when its header is there and its body is not', () => {
    const torn = written((sector) => sector.fill(9, HEADER_SIZE));
    expect(torn).toMatchObject({ slotState: 'damaged', readable: false });
    const lastByte = written((sector) => {
      sector[HEADER_SIZE + batchEntrySize(REQUEST.length) - 1] = 0xff;
    });
    expect(lastByte).toMatchObject({ slotState: 'damaged', readable: false });
  });

  it('with something behind it is as good as torn, unless nobody else has it', () => {
    const dirty = (sector: Uint8Array): void => {
      sector[SECTOR_SIZE - 1] = 1;
    };
    expect(written(dirty)).toMatchObject({ slotState: 'damaged', readable: false });
    expect(written(dirty, 1)).toMatchObject({ slotState: 'readable', readable: true });
  });

  it('can no longer be read when its sector is damaged', () => {
    const { storage } = written(() => {});
    storage.damage('wal_prepares', OFFSET / SECTOR_SIZE, { kind: 'flip', bit: 5 });
    expect(storage.evidence.slotState(OP)).toBe('damaged');
    const headerLost = written(() => {}).storage;
    headerLost.damage('wal_headers', 0, { kind: 'error' });
    expect(headerLost.evidence.slotState(OP)).toBe('damaged');
  });

  it('of several sectors is torn when only the first was written', () => {
    const large = { ...config, messageSizeMax: 3 * SECTOR_SIZE };
    const { storage } = disk({}, false, { config: large });
    const { bytes, checksum } = prepare(OP, new Uint8Array(2 * SECTOR_SIZE).fill(7));
    const offset = OP * large.messageSizeMax;
    storage.format([
      { zone: 'wal_prepares', offset, bytes },
      { zone: 'wal_headers', offset: 0, bytes: ringSector(OP, bytes) },
    ]);
    expect(storage.evidence.slotState(OP)).toBe('readable');
    expect(storage.evidence.prepareReadable(OP, checksum)).toBe(true);
    const old = [1, 2].map((at) => ({ offset: offset + at * SECTOR_SIZE, bytes: filled(3) }));
    storage.format(old.map((sector) => ({ zone: 'wal_prepares' as const, ...sector })));
    expect(storage.evidence.slotState(OP)).toBe('damaged');
    expect(storage.evidence.prepareReadable(OP, checksum)).toBe(false);
    // Both headers are there all the same: what was promised is another question.
    expect(storage.evidence.prepareDurable(OP, checksum)).toBe(true);
  });
});

describe('fault atlas', () => {
  it('leaves a good copy of every place, in any cluster', () => {
    const faultyMax: Readonly<Record<number, number>> = { 1: 0, 2: 1, 3: 1, 4: 1, 5: 2, 6: 2 };
    for (let replicaCount = 1; replicaCount <= 6; replicaCount += 1) {
      let most = 0;
      for (let seed = 0n; seed < 30n; seed += 1n) {
        const options = { replicaCount, config, wal: true, blocks: true };
        const atlas = new FaultAtlas(new Prng(seed), options);
        const replicas = Array.from({ length: replicaCount }, (_, slot) => slot);
        for (let walSlot = 0; walSlot < config.walSlots; walSlot += 1) {
          const group = Math.floor(walSlot / 16);
          const faulty = replicas.filter(
            (slot) => atlas.prepareMayRot(slot, walSlot) || atlas.walFault(slot, group) !== 'none',
          ).length;
          most = Math.max(most, faulty);
        }
        for (let address = 1; address < 20; address += 1) {
          const faulty = replicas.filter((slot) => atlas.blockMayFail(slot, address)).length;
          expect(faulty).toBeLessThanOrEqual(
            replicaCount <= 2 ? 0 : (faultyMax[replicaCount] ?? 0),
          );
        }
      }
      expect(most).toBe(faultyMax[replicaCount]);
    }
  });
});
