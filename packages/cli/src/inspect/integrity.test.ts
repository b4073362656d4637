import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatDataFile } from '@kimberlite/server';
import {
  type Checksum,
  HEADER_SIZE,
  Prng,
  SUPERBLOCK_COPIES,
  SUPERBLOCK_COPY_SIZE,
  type SuperblockCopy,
  zoneOffset,
} from '@kimberlite/vsr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KERNEL_MACHINE } from '../cluster/kernel-machine.ts';
import { runProgram } from '../program.ts';
import { capturedIo } from '../testing/captured-io.ts';
import { CONFIG_SMALL, fill, formatSolo, startSolo } from '../testing/solo-file.ts';
import { withDataFile } from './data-file-reader.ts';
import { readTree } from './read-tree.ts';
import { walReport } from './reports.ts';
import { copyAge } from './superblock-check.ts';

const directory = mkdtempSync(join(tmpdir(), 'kimberlite-inspect-'));
/** What a real replica left behind; nobody changes it. */
const original = join(directory, 'original.data');
const PUTS = 60;

beforeAll(async () => {
  await formatSolo(original);
  const replica = await startSolo(original);
  await fill(replica, PUTS);
  await replica.stop();
});
afterAll(() => rmSync(directory, { recursive: true }));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(...words: readonly string[]): Promise<Ran> {
  const io = capturedIo();
  const code = await runProgram(words, io);
  return { code, out: io.out(), err: io.err() };
}

type Line = Readonly<Record<string, unknown>>;

function linesOf({ out }: Ran): Line[] {
  // SAFETY: each line is an object of `-o json`.
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

/** Findings and summary of a file. */
async function integrity(path: string): Promise<{ code: number; found: Line[]; summary: Line }> {
  const ran = await run('inspect', 'integrity', path, '-o', 'json');
  const lines = linesOf(ran);
  return { code: ran.code, found: lines.slice(0, -1), summary: lines.at(-1) ?? {} };
}

/** A copy of the original with some bytes changed. */
function spoilt(name: string, spoil: (bytes: Buffer) => void): string {
  const path = join(directory, name);
  const bytes = readFileSync(original);
  spoil(bytes);
  writeFileSync(path, bytes);
  return path;
}

/** Ranges of bytes that a replica would believe, by zone. */
function liveRanges(): { readonly zone: string; readonly start: number; readonly end: number }[] {
  return withDataFile(original, (file) => {
    const ranges: { zone: string; start: number; end: number }[] = [];
    const add = (zone: string, start: number, size: number): void => {
      ranges.push({ zone, start, end: start + size });
    };
    for (let copy = 0; copy < SUPERBLOCK_COPIES; copy += 1) {
      add('superblock', copy * SUPERBLOCK_COPY_SIZE, SUPERBLOCK_COPY_SIZE);
    }
    const checkpointOp = file.chosen.state.checkpoint.op;
    for (const { slot, op, size } of walReport(file)) {
      add('wal_headers', zoneOffset(file.config, 'wal_headers') + slot * HEADER_SIZE, HEADER_SIZE);
      if (op === null || op <= checkpointOp || size === null) continue;
      const start = zoneOffset(file.config, 'wal_prepares') + slot * file.config.messageSizeMax;
      add('wal_prepares', start, size);
    }
    const { blockSize } = file.config;
    const start = zoneOffset(file.config, 'blocks');
    readTree(file, {
      onFault: () => {},
      onBlock: (address) => add('blocks', start + (address - 1) * blockSize, blockSize),
    });
    return ranges;
  });
}

describe('inspect integrity', () => {
  it('finds nothing in a file that a replica closed', async () => {
    const { code, found, summary } = await integrity(original);
    expect(found.filter(({ severity }) => severity === 'damage')).toEqual([]);
    expect(code).toBe(0);
    expect(summary).toMatchObject({
      result: 'sound',
      damages: 0,
      wal_slots: CONFIG_SMALL.walSlots,
    });
    expect(summary['checkpoint_op']).toBeGreaterThan(0);
    expect(summary['blocks']).toBeGreaterThan(2);
    const text = await run('inspect', 'integrity', original);
    expect(text.out).toMatch(/\ndamages +0\n/);
  });

  // Aim: no byte that a replica would believe can change without being found. Method: one flipped
  // bit a time, drawn from all zones alike, in a file that was sound.
  it('finds every flipped bit of what is in use, in its zone', async () => {
    const prng = new Prng(5n);
    const ranges = liveRanges();
    const zones = [...new Set(ranges.map(({ zone }) => zone))];
    expect(zones).toEqual(['superblock', 'wal_headers', 'wal_prepares', 'blocks']);
    for (let turn = 0; turn < 120; turn += 1) {
      const zone = zones[turn % zones.length] ?? '';
      const range = prng.pick(ranges.filter((each) => each.zone === zone));
      const offset = range.start + prng.below(range.end - range.start);
      const bit = prng.below(8);
      const path = spoilt('flipped.data', (bytes) => {
        bytes[offset] = (bytes[offset] ?? 0) ^ (1 << bit);
      });
      const { code, found } = await integrity(path);
      const hits = found.filter((line) => line['zone'] === zone && line['offset'] === range.start);
      expect(hits, `byte ${offset}, bit ${bit}`).toHaveLength(1);
      expect(code, `byte ${offset}, bit ${bit}`).toBe(8);
    }
  });

  it('says of each finding what repairs it', async () => {
    const copy = spoilt('copy.data', (bytes) => bytes.fill(1, 20_000, 20_004));
    expect((await integrity(copy)).found).toMatchObject([
      { severity: 'damage', zone: 'superblock', place: 1, repaired_by: 'start' },
    ]);
    const text = await run('inspect', 'integrity', copy);
    expect(text.out).toMatch(/^damage {2}superblock copy 1, byte 16384: .* at its next start\n/);
    const block = liveRanges().find(({ zone }) => zone === 'blocks');
    const rotten = spoilt('block.data', (bytes) => bytes.fill(1, block?.start, block?.end));
    // The only replica has nobody to ask.
    expect((await integrity(rotten)).found).toMatchObject([
      { severity: 'damage', zone: 'blocks', offset: block?.start, repaired_by: 'backup' },
    ]);
    expect((await run('inspect', 'integrity', rotten)).out).toContain(
      'a cluster of one or two cannot do without it: restore a backup, or make a new cluster of ' +
        'the other one (`recover --from-survivor`)\n',
    );
  });

  it('says what takes the place of a file of three, where nothing repairs it', async () => {
    const path = join(directory, 'one-of-three.data');
    const file = { path, config: CONFIG_SMALL, stateMachine: KERNEL_MACHINE };
    await formatDataFile({ ...file, cluster: 7n, slot: 1, replicaCount: 3 });
    truncateSync(path, zoneOffset(CONFIG_SMALL, 'blocks') - 4096);
    expect((await integrity(path)).found[0]).toMatchObject({ repaired_by: 'replacement' });
    expect((await run('inspect', 'integrity', path)).out).toContain(
      '`kimberlite recover` makes a file that takes its place, while the others are a quorum\n',
    );
  });

  it('goes on where a replica would refuse to start', async () => {
    const path = spoilt('quorum.data', (bytes) => {
      for (const copy of [0, 1, 2])
        bytes.fill(1, copy * SUPERBLOCK_COPY_SIZE + 500, copy * SUPERBLOCK_COPY_SIZE + 600);
    });
    const { code, found, summary } = await integrity(path);
    expect(code).toBe(8);
    expect(found.map(({ zone, place }) => [zone, place])).toEqual([
      ['superblock', null],
      ['superblock', 0],
      ['superblock', 1],
      ['superblock', 2],
    ]);
    expect(summary['blocks']).toBeGreaterThan(2);
  });

  it('names the end of a file that was cut off', async () => {
    const path = join(directory, 'cut.data');
    copyFileSync(original, path);
    truncateSync(path, zoneOffset(CONFIG_SMALL, 'blocks') - 4096);
    const { code, found } = await integrity(path);
    expect(code).toBe(8);
    expect(found[0]).toMatchObject({ zone: 'file', repaired_by: 'backup' });
    expect(found.some(({ zone }) => zone === 'blocks')).toBe(true);
  });

  it('sums up by kind, and says of no file that cannot run that it is repaired', async () => {
    const path = join(directory, 'one-of-three-cut.data');
    const file = { path, config: CONFIG_SMALL, stateMachine: KERNEL_MACHINE };
    await formatDataFile({ ...file, cluster: 7n, slot: 1, replicaCount: 3 });
    truncateSync(path, zoneOffset(CONFIG_SMALL, 'wal_prepares') + 3 * CONFIG_SMALL.messageSizeMax);
    const lost = CONFIG_SMALL.walSlots - 3;
    const { found } = await integrity(path);
    expect(found.length).toBeGreaterThan(lost);
    const repairs = new Set(found.map((finding) => finding['repaired_by']));
    expect([...repairs].filter((repair) => repair === 'peers' || repair === 'start')).toEqual([]);
    const { out } = await run('inspect', 'integrity', path);
    const [sum = '', each = ''] = out.split('\nOne by one:\n');
    expect(sum).toMatch(new RegExp(`^In sum:\n.*\n? +${lost}  damage  wal_prepares: `, 'm'));
    expect(sum.split('\n').length).toBeLessThan(6);
    expect(each.split('\n').length).toBeGreaterThan(lost);
    expect(out).not.toContain('repaired by its peers');
  });

  it('refuses what is no data file as a replica would, by exit code', async () => {
    expect((await run('inspect', 'integrity', new URL(import.meta.url).pathname)).code).toBe(24);
    expect((await run('inspect', 'integrity', join(directory, 'absent'))).code).toBe(20);
    const zeros = join(directory, 'zeros.data');
    writeFileSync(zeros, Buffer.alloc(100_000));
    expect((await run('inspect', 'integrity', zeros)).code).toBe(22);
  });

  it('says of a directory what a start says of it, as all that read a file', async () => {
    for (const words of [
      ['inspect', 'superblock'],
      ['inspect', 'wal'],
      ['inspect', 'integrity'],
      ['verify', 'log'],
    ]) {
      const ran = await run(...words, directory);
      expect(ran, words.join(' ')).toMatchObject({ code: 24, out: '' });
      expect(ran.err).toContain(`${directory} is not a file`);
    }
  });

  it('shows how far it is where somebody sees it, and leaves nothing of that', async () => {
    const io = capturedIo({ errorIsTerminal: true });
    expect(await runProgram(['inspect', 'integrity', original], io)).toBe(0);
    expect(io.err()).toMatch(/\rlog: |log: \d+ %/);
    expect(io.err().endsWith('\r\u001b[K')).toBe(true);
  });
});

describe('inspect superblock and wal', () => {
  it('show what there is where a start would refuse, and say so', async () => {
    const path = spoilt('one-copy.data', (bytes) => {
      for (const copy of [0, 1, 3]) {
        const middle = copy * SUPERBLOCK_COPY_SIZE + 500;
        bytes.fill(1, middle, middle + 100);
      }
    });
    const superblock = await run('inspect', 'superblock', path, '-o', 'json');
    expect(superblock.code).toBe(8);
    expect(linesOf(superblock)).toMatchObject([
      { copies: ['bad', 'bad', 'ok', 'bad'], start_refused: 'quorum_lost' },
    ]);
    expect(superblock.err).toContain('1 of 4 copies of the superblock is valid');
    expect(superblock.err).toContain('No replica can be started on it');
    const wal = await run('inspect', 'wal', path, '-o', 'json');
    expect(wal).toMatchObject({ code: 8, err: superblock.err });
    expect(wal.out).toBe((await run('inspect', 'wal', original, '-o', 'json')).out);
    expect((await run('inspect', 'checkpoint', path)).code).toBe(25);
  });

  it('call a copy by its age', async () => {
    const [good] = linesOf(await run('inspect', 'superblock', original, '-o', 'json'));
    expect(good).toMatchObject({ copies: ['ok', 'ok', 'ok', 'ok'], start_refused: null });
    // A copy that a crash left one write ahead, as it is decoded.
    const chosen = withDataFile(original, (file) => file.chosen);
    const { state, checksum } = chosen;
    const at = (sequence: number): SuperblockCopy => {
      return { ...chosen, checksum: (checksum ^ 1n) as Checksum, state: { ...state, sequence } };
    };
    expect(copyAge(chosen, chosen)).toBeNull();
    expect(copyAge(at(state.sequence - 1), chosen)).toBe('older');
    expect(copyAge(at(state.sequence + 1), chosen)).toBe('newer');
    expect(copyAge(at(state.sequence), chosen)).toBe('different');
  });
});

describe('inspect tables and sessions', () => {
  it('show what the checkpoint holds', async () => {
    const tables = linesOf(await run('inspect', 'tables', original, '-o', 'json'));
    expect(tables.map(({ id, name }) => [id, name])).toEqual([
      [1, 'sessions'],
      [2, 'members'],
      [3, 'replies'],
      [16, 'keys'],
      [17, 'meta'],
      [18, 'streams'],
      [19, 'events'],
      [20, 'history'],
      [21, 'tombstones'],
    ]);
    const { summary } = await integrity(original);
    const blocks = tables.reduce((sum, table) => sum + Number(table['blocks']), 0);
    expect(blocks).toBeLessThan(Number(summary['blocks']));
    expect(Number(tables[3]?.['entries'])).toBeGreaterThan(20);
    const text = await run('inspect', 'tables', original);
    expect(text.out).toMatch(/^ID +NAME +RUNS +ENTRIES +BYTES +BLOCKS\n1 +sessions /);
    expect(text.out).toContain(
      `\nas of the checkpoint at op ${String(summary['checkpoint_op'])}: what the log holds above it`,
    );

    const sessions = linesOf(await run('inspect', 'sessions', original, '-o', 'json'));
    expect(sessions).toHaveLength(1);
    expect(sessions[0]).toMatchObject({ client: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(sessions[0]?.['op']).toBe(summary['checkpoint_op']);
    expect((await run('inspect', 'sessions', original)).out).toMatch(/^CLIENT +SESSION/);
  });

  it('refuse a checkpoint that they cannot read', async () => {
    const blocks = liveRanges().filter(({ zone }) => zone === 'blocks');
    const first = blocks[0];
    const path = spoilt('unreadable.data', (bytes) => bytes.fill(1, first?.start, first?.end));
    const ran = await run('inspect', 'sessions', path);
    expect(ran).toMatchObject({ code: 25, out: '' });
    expect(ran.err).toContain('inspect integrity names them');
  });
});

describe('what needs a file at rest', () => {
  it('is refused while a replica has it', async () => {
    const path = join(directory, 'held.data');
    copyFileSync(original, path);
    const replica = await startSolo(path);
    try {
      for (const words of [
        ['inspect', 'integrity', path],
        ['inspect', 'tables', path],
        ['inspect', 'sessions', path],
        ['verify', 'log', path],
      ]) {
        const ran = await run(...words);
        expect(ran, words.join(' ')).toMatchObject({ code: 28, out: '' });
      }
      expect((await run('inspect', 'superblock', path)).code).toBe(0);
    } finally {
      await replica.stop();
    }
    expect((await run('inspect', 'integrity', path)).code).toBe(0);
  });
});
