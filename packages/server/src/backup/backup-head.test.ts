import { Extents, FOREST_ROOT_SIZE } from '@kimberlite/store';
import { CONFIG_DEV, Op, ZERO_CHECKSUM } from '@kimberlite/vsr';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BackupFrame, BackupFrameReader, encodeBackupFrame } from './backup-frames.ts';
import {
  BACKUP_TRAILER_SIZE,
  type BackupHead,
  backupHeadSize,
  backupLayoutOf,
  decodeBackupHead,
  encodeBackupHead,
} from './backup-head.ts';

const u64 = fc.maxSafeNat();
const u128 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });

const headArbitrary: fc.Arbitrary<BackupHead> = fc
  .record({
    release: fc.nat(0xffffff),
    createdAt: u64,
    cluster: u128,
    machine: fc.record({ name: fc.stringMatching(/^[a-z0-9._-]{1,64}$/), id: u128 }),
    slot: fc.nat(15),
    replicaCount: fc.integer({ min: 1, max: 6 }),
    incarnation: u128,
    view: fc.nat(),
    logView: fc.nat(),
    checkpointOp: fc.nat(),
    timestampNext: u64,
    stretches: fc.array(
      fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 })),
      { maxLength: 20 },
    ),
    prepareSizes: fc.array(fc.integer({ min: 256, max: CONFIG_DEV.messageSizeMax }), {
      maxLength: CONFIG_DEV.walSlots,
    }),
    root: fc.uint8Array({ minLength: FOREST_ROOT_SIZE, maxLength: FOREST_ROOT_SIZE }),
  })
  .map(({ stretches, root, timestampNext, checkpointOp, ...rest }) => ({
    ...rest,
    config: CONFIG_DEV,
    checkpoint: {
      op: Op(checkpointOp),
      prepareChecksum: ZERO_CHECKSUM,
      parentId: ZERO_CHECKSUM,
      timestampNext,
      forestRoot: root,
    },
    op: checkpointOp + rest.prepareSizes.length,
    used: new Uint8Array(new Uint32Array([stretches.length, ...stretches.flat()]).buffer),
  }));

describe('the head of a backup', () => {
  it('is read as it was written, and says how long the file is', () => {
    fc.assert(
      fc.property(headArbitrary, (head) => {
        const bytes = encodeBackupHead(head);
        expect(backupHeadSize(bytes)).toBe(bytes.length);
        expect(decodeBackupHead(bytes)).toEqual(head);
        const { blocksOffset, fileSize } = backupLayoutOf(head);
        expect(blocksOffset).toBe(bytes.length);
        const blocks = (Extents.decode(head.used)?.count ?? 0) * CONFIG_DEV.blockSize;
        const log = head.prepareSizes.reduce((sum, size) => sum + size, 0);
        expect(fileSize).toBe(bytes.length + blocks + log + BACKUP_TRAILER_SIZE);
      }),
    );
  });

  it('is refused with any bit flipped, and cut or continued anywhere', () => {
    fc.assert(
      fc.property(headArbitrary, fc.nat(), fc.nat(7), (head, place, bit) => {
        const bytes = encodeBackupHead(head);
        const at = place % bytes.length;
        const spoilt = bytes.slice();
        spoilt[at] = (spoilt[at] ?? 0) ^ (1 << bit);
        expect(typeof decodeBackupHead(spoilt)).toBe('string');
        expect(typeof decodeBackupHead(bytes.subarray(0, at))).toBe('string');
        expect(decodeBackupHead(Buffer.concat([bytes, new Uint8Array(1)]))).toBe('damaged');
      }),
    );
  });

  it('tells another format from damage', () => {
    const [head] = fc.sample(headArbitrary, 1);
    if (head === undefined) throw new Error('one was drawn');
    const bytes = encodeBackupHead(head);
    bytes[8] = 99;
    expect(decodeBackupHead(bytes)).toBe('version');
    bytes[0] = 0;
    expect(decodeBackupHead(bytes)).toBe('foreign');
    expect(decodeBackupHead(new Uint8Array(10))).toBe('foreign');
  });
});

const bytesArbitrary = fc.uint8Array({ maxLength: 300 });
const frameArbitrary: fc.Arbitrary<BackupFrame> = fc.oneof(
  fc.record({ kind: fc.constant('head' as const), bytes: bytesArbitrary }),
  fc.record({ kind: fc.constant('blocks' as const), address: u64, bytes: bytesArbitrary }),
  fc.record({ kind: fc.constant('prepare' as const), op: u64, bytes: bytesArbitrary }),
  fc.record({ kind: fc.constant('end' as const) }),
  fc.record({ kind: fc.constant('failed' as const), reason: fc.string() }),
);

describe('frames of a backup', () => {
  it('come out as they went in, however they are cut on the way', () => {
    fc.assert(
      fc.property(
        fc.array(frameArbitrary),
        fc.array(fc.integer({ min: 1, max: 500 })),
        (frames, cuts) => {
          const stream = Buffer.concat(frames.flatMap((frame) => [...encodeBackupFrame(frame)]));
          const reader = new BackupFrameReader();
          const found: (BackupFrame | 'bad')[] = [];
          for (let at = 0, turn = 0; at < stream.length; turn += 1) {
            const size = cuts[turn % Math.max(1, cuts.length)] ?? stream.length;
            reader.push(stream.subarray(at, at + size));
            at += size;
            for (let frame = reader.next(); frame !== null; frame = reader.next()) {
              if (frame !== 'bad' && 'bytes' in frame) {
                found.push({ ...frame, bytes: new Uint8Array(frame.bytes) });
              } else found.push(frame);
            }
          }
          expect(found).toEqual(frames);
        },
      ),
    );
  });

  it('are none where the kind or the length is', () => {
    for (const bytes of [
      [9, 0, 0, 0, 0, 0, 0, 0],
      [1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
      [2, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3],
    ]) {
      const reader = new BackupFrameReader();
      reader.push(new Uint8Array(bytes));
      expect(reader.next()).toBe('bad');
    }
  });
});
