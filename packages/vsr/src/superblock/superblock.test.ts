import { FOREST_ROOT_SIZE, mix128, present, writeU128 } from '@kimberlite/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONFIG_DEFAULT, CONFIG_DEV, CONFIG_SIMULATION } from '../config.ts';
import { SLOT_COUNT } from '../membership.ts';
import { Checksum, Op, View } from '../std/numbers.ts';
import { SUPERBLOCK_COPIES, SUPERBLOCK_COPY_SIZE } from '../storage-layout.ts';
import { chainOf, headersOf } from '../testing/log-fixture.ts';
import { checkpointAt, superblockFixture } from '../testing/wal-disk.ts';
import {
  type CheckpointRecord,
  checkpointId,
  decodeCheckpoint,
  decodeSuperblock,
  encodeCheckpoint,
  encodeSuperblock,
  SUPERBLOCK_HEADERS_MAX,
  type SuperblockState,
  stampCopy,
} from './superblock.ts';

const HEADERS = headersOf(chainOf(9)).reverse();
const u128 = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n });

const checkpoints: fc.Arbitrary<CheckpointRecord> = fc.record({
  op: fc.maxSafeNat().map(Op),
  prepareChecksum: u128.map(Checksum),
  timestampNext: fc.maxSafeNat(),
  parentId: u128.map(Checksum),
  forestRoot: fc.uint8Array({ minLength: FOREST_ROOT_SIZE, maxLength: FOREST_ROOT_SIZE }),
});

const states: fc.Arbitrary<SuperblockState> = fc.record({
  identity: fc.record({
    cluster: u128,
    slot: fc.nat(15),
    replicaCount: fc.integer({ min: 1, max: 6 }),
    member: u128,
    incarnation: u128,
    checksumName: fc.constantFrom('sha256-128' as const, 'mix128' as const),
    config: fc.constantFrom(CONFIG_DEFAULT, CONFIG_DEV, CONFIG_SIMULATION),
    machine: fc.record({ name: fc.stringMatching(/^[a-z0-9._-]{1,64}$/), id: u128 }),
  }),
  sequence: fc.maxSafeNat(),
  parent: u128.map(Checksum),
  view: fc.maxSafeNat().map(View),
  logView: fc.maxSafeNat().map(View),
  commitMax: fc.maxSafeNat().map(Op),
  checkpoint: checkpoints,
  syncing: fc.boolean(),
  checkpointPrevious: checkpoints,
  introductions: fc.record({
    files: fc.array(fc.record({ incarnation: u128, since: fc.maxSafeNat().map(Op) }), {
      minLength: SLOT_COUNT,
      maxLength: SLOT_COUNT,
    }),
    knownBy: fc.nat(0xffff),
  }),
  headers: fc
    .array(fc.option(fc.nat(9)), { maxLength: 30 })
    .map((picks) => [
      present(HEADERS[0]),
      ...picks.map((pick) => (pick === null ? null : present(HEADERS[pick]))),
    ]),
});

function sample(): Uint8Array {
  return encodeSuperblock(
    superblockFixture({ sequence: 7, view: View(5), logView: View(3), headers: HEADERS }),
    mix128,
  );
}

/** The bytes with one change and the checksum worked out anew. */
function resealed(change: (view: DataView) => void): Uint8Array {
  const bytes = sample();
  const view = new DataView(bytes.buffer);
  change(view);
  writeU128(view, 0, mix128.hash(bytes.subarray(32)));
  return bytes;
}

describe('superblock', () => {
  it('comes back as it was written, in each copy', () => {
    fc.assert(
      fc.property(states, fc.nat(SUPERBLOCK_COPIES - 1), (state, copy) => {
        const bytes = encodeSuperblock(state, mix128);
        expect(bytes).toHaveLength(SUPERBLOCK_COPY_SIZE);
        stampCopy(bytes, copy);
        expect(decodeSuperblock(bytes, copy, mix128)?.state).toEqual(state);
      }),
      { numRuns: 60 },
    );
  });

  it('hashes alike in all copies, and each copy belongs to its place', () => {
    const checksums = new Set<bigint>();
    for (let copy = 0; copy < SUPERBLOCK_COPIES; copy += 1) {
      const bytes = sample();
      stampCopy(bytes, copy);
      checksums.add(present(decodeSuperblock(bytes, copy, mix128)).checksum);
      for (let other = 0; other < SUPERBLOCK_COPIES; other += 1) {
        // A copy written to another's place must not count twice.
        if (other !== copy) expect(decodeSuperblock(bytes, other, mix128)).toBeNull();
      }
    }
    expect(checksums.size).toBe(1);
  });

  it('refuses any flipped bit', () => {
    const bytes = sample();
    const refused = (bit: number): boolean => {
      const copy = bytes.slice();
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return decodeSuperblock(copy, 0, mix128) === null;
    };
    for (let bit = 0; bit < 1024 * 8; bit += 1) expect(refused(bit), `bit ${bit}`).toBe(true);
    fc.assert(
      fc.property(fc.integer({ min: 1024 * 8, max: SUPERBLOCK_COPY_SIZE * 8 - 1 }), (bit) => {
        expect(refused(bit)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('refuses another size, zeros and foreign bytes', () => {
    expect(decodeSuperblock(sample().subarray(1), 0, mix128)).toBeNull();
    expect(decodeSuperblock(new Uint8Array(SUPERBLOCK_COPY_SIZE), 0, mix128)).toBeNull();
    expect(decodeSuperblock(new Uint8Array(0), 0, mix128)).toBeNull();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (start) => {
        const bytes = new Uint8Array(SUPERBLOCK_COPY_SIZE);
        bytes.set(start);
        expect(decodeSuperblock(bytes, 0, mix128)).toBeNull();
      }),
    );
  });

  const changes: readonly (readonly [string, (view: DataView) => void])[] = [
    ['another magic', (view) => view.setUint32(32, 1, true)],
    ['another version', (view) => view.setUint16(36, 1, true)],
    ['an unknown checksum', (view) => view.setUint8(40, 2)],
    ['no headers', (view) => view.setUint16(42, 0, true)],
    ['too many headers', (view) => view.setUint16(42, SUPERBLOCK_HEADERS_MAX + 1, true)],
    ['sizes that do not work together', (view) => view.setUint32(148, 17, true)],
    ['a sequence above 2^53', (view) => view.setUint32(100, 0x200000, true)],
    ['a view above 2^53', (view) => view.setUint32(124, 0x200000, true)],
    ['a checkpoint above 2^53', (view) => view.setUint32(1028, 0x200000, true)],
    ['the op of a file above 2^53', (view) => view.setUint32(256 + 8 + 20, 0x200000, true)],
    ['an unknown head', (view) => new Uint8Array(view.buffer).fill(0, 1536, 1792)],
    ['a broken header', (view) => view.setUint8(1536 + 300, view.getUint8(1536 + 300) ^ 1)],
  ];

  it.each(changes)('refuses %s under a right checksum', (_, change) => {
    expect(
      decodeSuperblock(
        resealed(() => {}),
        0,
        mix128,
      ),
    ).not.toBeNull();
    expect(decodeSuperblock(resealed(change), 0, mix128)).toBeNull();
  });

  it('refuses to be made of more headers than fit', () => {
    const headers = Array(SUPERBLOCK_HEADERS_MAX + 1).fill(HEADERS[0]);
    expect(() => encodeSuperblock(superblockFixture({ headers }), mix128)).toThrow('headers fit');
  });
});

describe('checkpoint record', () => {
  it('comes back as it was written; its id is that of its bytes', () => {
    fc.assert(
      fc.property(checkpoints, checkpoints, (record, other) => {
        const bytes = encodeCheckpoint(record);
        expect(decodeCheckpoint(bytes)).toEqual(record);
        expect(checkpointId(record, mix128)).toBe(mix128.hash(bytes));
        const same = Buffer.compare(bytes, encodeCheckpoint(other)) === 0;
        expect(checkpointId(record, mix128) === checkpointId(other, mix128)).toBe(same);
      }),
    );
  });

  it('is refused when cut or out of range', () => {
    const bytes = encodeCheckpoint(checkpointAt(16));
    expect(decodeCheckpoint(bytes.subarray(1))).toBeNull();
    const view = new DataView(bytes.buffer);
    view.setUint32(4, 0x200000, true);
    expect(decodeCheckpoint(bytes)).toBeNull();
  });
});
