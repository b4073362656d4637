import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  CONFIG_SIMULATION,
  encodeMessage,
  formatReplica,
  Op,
  rootPrepare,
  SUPERBLOCK_COPIES,
  SUPERBLOCK_COPY_SIZE,
  zoneOffset,
} from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../checksum.ts';
import { isFault, type ServerFault } from '../errors.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import {
  type ExpectedIdentity,
  type OpenDataFile,
  openDataFile,
  type ReadSync,
} from './data-file.ts';
import { BLOCK_AREA_INITIAL, formatDataFile, writeDataFile } from './data-file-format.ts';
import { neverRan } from './unused-log.ts';

const SUPERBLOCK_SIZE = SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE;
const ANY: ExpectedIdentity = { cluster: null, slot: null, replicaCount: null, machine: null };
const MACHINE = { name: 'mine', id: 5n };
/** What `format` writes here: replica 1 of 3. */
const SECOND = { config: CONFIG_SIMULATION, cluster: 5n, slot: 1, replicaCount: 3 };
let directory: ReturnType<typeof temporaryDirectory>;
let path: string;

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, '0.data');
});
afterEach(() => directory.remove());

async function format(): Promise<void> {
  const written = await formatDataFile({ ...SECOND, path, stateMachine: MACHINE });
  expect(isFault(written)).toBe(false);
}

function open(expected: ExpectedIdentity = ANY): Promise<OpenDataFile | ServerFault> {
  return openDataFile({ path, checksum: sha256, expected });
}

/** A device that fails with EIO wherever it is told to; elsewhere it gives what is there. */
function failing(isBad: (position: number) => boolean): ReadSync {
  return (fd, bytes, position) => {
    if (isBad(position)) throw Object.assign(new Error('a bad sector'), { code: 'EIO' });
    return readSync(fd, bytes, 0, bytes.length, position);
  };
}

function openThrough(read: ReadSync): Promise<OpenDataFile | ServerFault> {
  return openDataFile({ path, checksum: sha256, expected: ANY, read });
}

function close(file: OpenDataFile): void {
  closeSync(file.fd);
  file.lock.release();
}

/** Opens, expects a refusal with this code, and that the file is left as it was. */
async function expectRefused(code: string, expected: ExpectedIdentity = ANY): Promise<void> {
  const before = readFileSync(path);
  const result = await open(expected);
  expect(result).toMatchObject({ kind: 'fault', code });
  expect(readFileSync(path).equals(before)).toBe(true);
}

function overwrite(position: number, bytes: Uint8Array): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, bytes, 0, bytes.length, position);
  closeSync(fd);
}

function zero(position: number, length: number): void {
  overwrite(position, new Uint8Array(length));
}

/** The header of op 1, as a replica that has run has it in its log. */
function writeOp(position: number): void {
  const { header } = rootPrepare(SECOND.cluster, sha256);
  const { command: _, ...fields } = header;
  const first = encodeMessage('prepare', { ...fields, op: Op(1) }, null, sha256);
  overwrite(position, first.bytes);
}

describe('formatting a data file', () => {
  it('writes all of it ahead, the superblock included, and reports progress', async () => {
    const progress: number[] = [];
    let total = 0;
    const written = await formatDataFile({
      ...SECOND,
      path,
      stateMachine: MACHINE,
      onProgress: (done, all) => {
        progress.push(done);
        total = all;
      },
    });
    const size = zoneOffset(CONFIG_SIMULATION, 'blocks') + BLOCK_AREA_INITIAL;
    expect(written).toMatchObject({ path, size });
    const stat = statSync(path);
    expect(stat.size).toBe(size);
    // Really written, not a hole.
    expect(stat.blocks * 512).toBeGreaterThanOrEqual(size);
    expect(progress[0]).toBe(0);
    expect(progress.at(-1)).toBe(size);
    expect(total).toBe(size);
    const bytes = readFileSync(path);
    for (const { zone, offset, bytes: part } of formatReplica({
      ...SECOND,
      machine: MACHINE,
      incarnation: 1n,
      checksum: sha256,
    })) {
      if (zone === 'superblock') continue;
      const at = zoneOffset(CONFIG_SIMULATION, zone) + offset;
      expect(bytes.subarray(at, at + part.length).equals(part)).toBe(true);
    }
    expect(bytes.subarray(zoneOffset(CONFIG_SIMULATION, 'blocks')).some(Boolean)).toBe(false);
    expect(stat.mode & 0o777).toBe(0o600);
  });

  it('refuses a file that exists, and leaves it alone', async () => {
    writeFileSync(path, 'precious');
    const result = await writeDataFile({ path, config: CONFIG_SIMULATION, writes: [] });
    expect(result).toMatchObject({ kind: 'fault', code: 'data_file_exists' });
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });

  it('removes what it could not finish', async () => {
    function* failing(): Iterable<never> {
      throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    }
    const result = await writeDataFile({ path, config: CONFIG_SIMULATION, writes: failing() });
    expect(result).toMatchObject({ kind: 'fault', code: 'disk_full' });
    expect(existsSync(path)).toBe(false);
  });

  it('names a directory that is missing', async () => {
    path = join(directory.path, 'absent', '0.data');
    const result = await writeDataFile({ path, config: CONFIG_SIMULATION, writes: [] });
    expect(result).toMatchObject({ kind: 'fault', code: 'io_failed' });
  });

  it.runIf(existsSync('/proc/self'))('does not miss a directory that is there', async () => {
    const made = writeDataFile({ path: '/proc/9.data', config: CONFIG_SIMULATION, writes: [] });
    expect(await made).toMatchObject({
      code: 'io_failed',
      message: expect.not.stringMatching('exist'),
    });
  });

  it.skipIf(process.getuid?.() === 0)('says when the directory may not be written', async () => {
    chmodSync(directory.path, 0o500);
    const result = await writeDataFile({ path, config: CONFIG_SIMULATION, writes: [] });
    expect(result).toMatchObject({ kind: 'fault', code: 'permission_denied' });
    chmodSync(directory.path, 0o700);
  });
});

describe('opening a data file', () => {
  it('finds the identity, and synchronous writes', async () => {
    await format();
    const file = await open({ cluster: 5n, slot: 1, replicaCount: 3, machine: MACHINE });
    if (isFault(file)) throw new Error(file.message);
    expect(file.identity).toMatchObject({ cluster: 5n, slot: 1 });
    expect(file.size).toBe(statSync(path).size);
    close(file);
  });

  it.runIf(process.platform === 'linux')(
    'has it open with O_DSYNC, as the kernel sees it',
    async () => {
      await format();
      const file = await open();
      if (isFault(file)) throw new Error(file.message);
      const info = readFileSync(`/proc/self/fdinfo/${file.fd}`, 'utf8');
      const flags = Number.parseInt(/flags:\s*(\d+)/.exec(info)?.[1] ?? '0', 8);
      const O_DSYNC = 0o10000;
      const O_DIRECT = 0o40000;
      expect(flags & O_DSYNC).toBe(O_DSYNC);
      if (file.mode === 'direct_dsync') expect(flags & O_DIRECT).toBe(O_DIRECT);
      close(file);
    },
  );

  it('refuses what is not there, or not a file', async () => {
    expect(await open()).toMatchObject({ code: 'data_file_missing' });
    mkdirSync(path);
    expect(await open()).toMatchObject({ code: 'data_file_foreign' });
  });

  it('refuses a foreign file, large or small', async () => {
    writeFileSync(path, 'just a text');
    await expectRefused('data_file_foreign');
    writeFileSync(path, Buffer.alloc(1 << 20, 'x'));
    await expectRefused('data_file_foreign');
  });

  it('refuses a file whose format was interrupted, wherever that was', async () => {
    writeFileSync(path, Buffer.alloc(1 << 20));
    await expectRefused('data_file_incomplete');
    rmSync(path);
    await format();
    zero(0, SUPERBLOCK_SIZE);
    await expectRefused('data_file_incomplete');
    zero(zoneOffset(CONFIG_SIMULATION, 'wal_headers'), 4096);
    await expectRefused('data_file_incomplete');
    truncateSync(path, 1 << 20);
    await expectRefused('data_file_incomplete');
  });

  it('does not call a file unfinished that lost its superblock and has a log', async () => {
    for (const zone of ['wal_prepares', 'wal_headers', 'blocks'] as const) {
      await format();
      writeOp(zoneOffset(CONFIG_SIMULATION, zone));
      zero(0, SUPERBLOCK_SIZE);
      await expectRefused('data_file_damaged');
      rmSync(path);
    }
    await format();
    zero(0, SUPERBLOCK_SIZE);
    // Neither zeros nor a header: rot, perhaps of something that was acknowledged.
    overwrite(zoneOffset(CONFIG_SIMULATION, 'wal_prepares') + 700, Buffer.from([1]));
    await expectRefused('data_file_damaged');
  });

  it('says of an empty file that it may have been cut off', async () => {
    writeFileSync(path, '');
    await expectRefused('data_file_truncated');
  });

  it('tells whether a replica can ever have run on a file', async () => {
    writeFileSync(path, '');
    expect(neverRan(path)).toBe(false);
    writeFileSync(path, Buffer.alloc(5000));
    expect(neverRan(path)).toBe(true);
    rmSync(path);
    await format();
    expect(neverRan(path)).toBe(true);
    zero(SUPERBLOCK_SIZE / 4, (SUPERBLOCK_SIZE * 3) / 4);
    expect(neverRan(path)).toBe(true);
    overwrite(100, Buffer.from([1]));
    expect(neverRan(path)).toBe(false);
    rmSync(path);
    await format();
    writeOp(zoneOffset(CONFIG_SIMULATION, 'wal_headers') + 256);
    expect(neverRan(path)).toBe(false);
  });

  it('refuses a file of whose superblock the device gives nothing', async () => {
    await format();
    const before = readFileSync(path);
    expect(await openThrough(failing(() => true))).toMatchObject({
      kind: 'fault',
      code: 'io_failed',
      exitCode: 32,
      message: `cannot read ${path}: EIO`,
    });
    expect(readFileSync(path).equals(before)).toBe(true);
    // Neither the descriptor nor the lock was kept.
    const again = await open();
    if (isFault(again)) throw new Error(again.message);
    close(again);
  });

  it('opens a file of whose superblock the device gives two copies, not one', async () => {
    await format();
    const copies = (given: number) => (position: number) => {
      return position >= given * SUPERBLOCK_COPY_SIZE;
    };
    const two = await openThrough(failing(copies(2)));
    if (isFault(two)) throw new Error(two.message);
    expect(two.identity).toMatchObject({ cluster: 5n, slot: 1 });
    close(two);
    expect(await openThrough(failing(copies(1)))).toMatchObject({ code: 'data_file_damaged' });
  });

  it('refuses a truncated file', async () => {
    await format();
    truncateSync(path, zoneOffset(CONFIG_SIMULATION, 'blocks') - 4096);
    await expectRefused('data_file_truncated');
    truncateSync(path, 5000);
    await expectRefused('data_file_truncated');
  });

  it('refuses the file of another replica, cluster or size of cluster', async () => {
    await format();
    await expectRefused('data_file_wrong_replica', { ...ANY, slot: 0 });
    await expectRefused('data_file_wrong_cluster', { ...ANY, cluster: 6n });
    await expectRefused('data_file_wrong_cluster', { ...ANY, replicaCount: 5 });
    await expectRefused('wrong_state_machine', { ...ANY, machine: { name: 'yours', id: 6n } });
    expect(await open({ ...ANY, machine: { name: 'yours', id: 6n } })).toMatchObject({
      message: `${path} is of the state machine mine; this program runs yours`,
      exitCode: 38,
    });
    expect(await open({ ...ANY, machine: { name: 'mine', id: 6n } })).toMatchObject({
      message: `${path} is of the state machine mine with other tables; this program runs mine`,
    });
  });

  it.skipIf(process.getuid?.() === 0)('says when the file may not be written', async () => {
    await format();
    chmodSync(path, 0o400);
    expect(await open()).toMatchObject({ code: 'permission_denied' });
  });

  it('can be opened again after a refusal and after a close', async () => {
    await format();
    await expectRefused('data_file_wrong_cluster', { ...ANY, cluster: 6n });
    const first = await open();
    if (isFault(first)) throw new Error(first.message);
    close(first);
    const second = await open();
    if (isFault(second)) throw new Error(second.message);
    close(second);
  });
});
