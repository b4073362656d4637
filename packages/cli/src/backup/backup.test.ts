import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClientError, connect } from '@kimberlite/client';
import { formatAddress, type RunningReplica } from '@kimberlite/server';
import { zoneOffset } from '@kimberlite/vsr';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runProgram } from '../program.ts';
import { type CapturedIo, capturedIo } from '../testing/captured-io.ts';
import { CONFIG_SMALL, fill, formatSolo, startSolo } from '../testing/solo-file.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const directory = mkdtempSync(join(tmpdir(), 'kimberlite-backup-'));
/** What a real replica was taken to be; nobody changes it. */
const original = join(directory, 'original.backup');
const scratch = join(directory, 'scratch');
const PUTS = 30;
const OLD = 7n;
let replica: RunningReplica;
let running = 0;

beforeAll(async () => {
  mkdirSync(scratch);
  const path = join(directory, 'original.data');
  await formatSolo(path);
  replica = await startSolo(path, { http: '127.0.0.1:0' });
  await fill(replica, PUTS);
  const { code, err } = await backup('create', original, `--http=${http()}`);
  expect(err).toBe('');
  expect(code).toBe(0);
});
afterAll(async () => {
  await replica.stop();
  rmSync(directory, { recursive: true });
});

function http(): string {
  if (replica.httpAddress === null) throw new Error('it listens');
  return formatAddress(replica.httpAddress);
}

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function backup(...words: readonly string[]): Promise<Ran> {
  const io: CapturedIo = capturedIo();
  const code = await runProgram(['backup', ...words], io);
  return { code, out: io.out(), err: io.err() };
}

function fresh(name: string): string {
  running += 1;
  return join(directory, `${running}-${name}`);
}

function restore(path: string, into: string, ...words: readonly string[]): Promise<Ran> {
  return backup('restore', path, `--into=${into}`, ...words);
}

/** What a client of the old cluster gets. */
async function putAsStranger(endpoints: readonly string[]): Promise<unknown> {
  try {
    const stranger = await connect({ endpoints: [...endpoints], cluster: OLD });
    await stranger.put('old', 'client');
    await stranger.close();
    return null;
  } catch (error) {
    return error;
  }
}

describe('backup create', () => {
  it('takes a backup that says what it holds, and leaves nothing beside it', async () => {
    const path = fresh('one.backup');
    const { code, out } = await backup('create', path, `--http=${http()}`, '-o', 'json');
    expect(code).toBe(0);
    const { state } = replica.status();
    expect(JSON.parse(out)).toMatchObject({
      backup: path,
      cluster: String(OLD),
      replica: 0,
      op: state.commitMin,
      checkpoint_op: state.checkpointOp,
      bytes: readFileSync(path).length,
      quorum: true,
      replicas_answered: 1,
    });
    expect(readdirSync(directory).filter((name) => name.endsWith('.partial'))).toEqual([]);
    expect((await backup('verify', path)).code).toBe(0);
  });

  it('of one state is the same bytes each time, but for the head', async () => {
    const path = fresh('again.backup');
    expect((await backup('create', path, `--http=${http()}`)).code).toBe(0);
    const [first, other] = [readFileSync(original), readFileSync(path)];
    expect(other.length).toBe(first.length);
    const end = first.length - 40;
    expect(other.subarray(4096, end).equals(first.subarray(4096, end))).toBe(true);
  });

  it('touches no file that is there, and takes over what an earlier one left', async () => {
    const path = fresh('there.backup');
    writeFileSync(path, 'mine');
    const { code, err } = await backup('create', path, `--http=${http()}`);
    expect(err).toContain('is already there');
    expect(code).toBe(5);
    expect(readFileSync(path, 'utf8')).toBe('mine');
    const next = fresh('left.backup');
    writeFileSync(`${next}.partial`, 'x'.repeat(10_000_000));
    expect((await backup('create', next, `--http=${http()}`)).code).toBe(0);
    expect((await backup('verify', next)).code).toBe(0);
  });

  it('names a directory that is missing, and makes none', async () => {
    const path = join(fresh('absent'), 'x.backup');
    const { code, err } = await backup('create', path, `--http=${http()}`);
    expect(err).toContain(`the directory ${join(path, '..')} does not exist. Nothing was made`);
    expect(err).toContain('[io_failed]');
    expect(code).toBe(32);
    expect(existsSync(join(path, '..'))).toBe(false);
  });

  it('goes on to the next replica, and says what the first one said', async () => {
    const path = fresh('none.backup');
    const { code, err } = await backup('create', path, '--http=127.0.0.1:1');
    expect(err).toContain('no replica answered over HTTP (127.0.0.1:1: ');
    // Nobody knows then that a majority is lost, and that command gives up writes.
    expect(err).toMatch(/with --http/);
    expect(err).not.toContain('from-survivor');
    expect(code).toBe(4);
    expect(existsSync(`${path}.partial`)).toBe(false);
    const some = await backup('create', path, `--http=127.0.0.1:1,${http()}`);
    expect(some.code).toBe(0);
  });

  it('waits for an op that nobody has for as long as it was told, of all', async () => {
    const path = fresh('far.backup');
    const words = ['--at-least-op=99999999', '--timeout=50', `--http=${http()},${http()}`];
    const { code, err } = await backup('create', path, ...words);
    expect(err.match(/it did not begin within \d+ ms/g)).toHaveLength(1);
    expect(err.split(`${http()}:`)).toHaveLength(2);
    expect(code).toBe(4);
    expect(existsSync(path)).toBe(false);
    // The replica finds out that nobody waits, and is free for the next one.
    await vi.waitFor(
      async () => expect((await backup('create', path, `--http=${http()}`)).code).toBe(0),
      { timeout: 20_000, interval: 10 },
    );
  });

  it('is made once under a name, however many make it', async () => {
    const path = fresh('both.backup');
    const both = await Promise.all(
      [0, 1].map(() => backup('create', path, `--http=${http()}`, '--at-least-op=1')),
    );
    const codes = both.map(({ code }) => code).sort((first, other) => first - other);
    expect(codes[0]).toBe(0);
    expect([5, 28]).toContain(codes[1]);
    expect((await backup('verify', path)).code).toBe(0);
  });

  it('names a block that is rotten, leaves no file, and asks the next replica', async () => {
    const path = fresh('rotten.data');
    await formatSolo(path);
    const rotten = await startSolo(path, { http: '127.0.0.1:0' });
    try {
      await fill(rotten, PUTS);
      const start = zoneOffset(CONFIG_SMALL, 'blocks');
      const fd = openSync(path, 'r+');
      for (let at = start + 40; at < fstatSync(fd).size; at += CONFIG_SMALL.blockSize) {
        writeSync(fd, 'rot', at);
      }
      closeSync(fd);
      const address = rotten.httpAddress === null ? '' : formatAddress(rotten.httpAddress);
      const target = fresh('rotten.backup');
      const alone = await backup('create', target, `--http=${address}`);
      expect(alone.err).toMatch(/block \d+ of the checkpoint: its checksum is another/);
      expect(alone.code).toBe(8);
      expect(existsSync(target)).toBe(false);
      expect(existsSync(`${target}.partial`)).toBe(false);
      // Both are primaries of clusters of one, of one number: asked in the order of the list.
      const next = await backup('create', target, `--http=${address},${http()}`);
      expect(next.err).toMatch(/^replica at .* block \d+ of the checkpoint/);
      expect(next.code).toBe(0);
      expect((await backup('verify', target)).code).toBe(0);
    } finally {
      await rotten.stop();
    }
  });

  it('refuses another cluster, and endpoints that are none', async () => {
    const path = fresh('other.backup');
    expect((await backup('create', path, `--http=${http()}`, '--cluster=8')).code).toBe(6);
    expect(existsSync(path)).toBe(false);
  });
});

describe('backup verify', () => {
  it('restores, and removes what it made', async () => {
    const { code, out } = await backup('verify', original, `--scratch=${scratch}`);
    expect(out).toMatch(/^ok {2}.*restored and checked\n$/);
    expect(code).toBe(0);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('shows a person how far it is', async () => {
    const io = capturedIo({ errorIsTerminal: true });
    expect(await runProgram(['backup', 'verify', original], io)).toBe(0);
    for (const what of ['hashing', 'writing replay.tmp', 'writing replica-0.data.partial']) {
      expect(io.err()).toContain(`${what}: 100 %`);
    }
    expect(io.err()).toMatch(/executing the log: \d+ %/);
    expect(io.out()).toMatch(/^ok {2}/);
  });

  it('finds every byte that is another', async () => {
    const bytes = readFileSync(original);
    const path = fresh('flipped.backup');
    const places = fc.sample(fc.nat(bytes.length - 1), 60);
    for (const at of [0, 8, 10, 4064, 4095, 4096, bytes.length - 1, ...places]) {
      const spoilt = Buffer.from(bytes);
      spoilt.writeUInt8(spoilt.readUInt8(at) ^ 0x10, at);
      writeFileSync(path, spoilt);
      const { code, err } = await backup('verify', path);
      expect([at, code]).toEqual([at, at === 8 || at === 9 ? 5 : 8]);
      expect(err).toContain(path);
    }
  });

  it('finds what was cut off or added, and what is no backup', async () => {
    const { length } = readFileSync(original);
    const path = fresh('cut.backup');
    for (const size of [0, 100, 4096, length - 40, length - 1, length + 1]) {
      writeFileSync(path, readFileSync(original));
      truncateSync(path, size);
      expect([size, (await backup('verify', path)).code]).toEqual([size, 8]);
    }
    expect((await backup('verify', join(directory, 'original.data'))).code).toBe(8);
    expect((await backup('verify', join(directory, 'nowhere'))).code).toBe(3);
  });
});

describe('backup restore', () => {
  it('makes a cluster with the same state, and another history', async () => {
    const into = fresh('restored');
    const made = await restore(original, into);
    expect(made.err).toBe('');
    expect(made.code).toBe(0);
    expect(made.out).toMatch(/as cluster \d+ of 1, which begins at op \d+, in\n/);
    expect(readdirSync(into)).toEqual(['replica-0.data']);
    const next = await startSolo(join(into, 'replica-0.data'));
    const endpoints = [formatAddress(next.clientAddress)];
    const client = await connect({ endpoints });
    try {
      expect(next.cluster).not.toBe(OLD);
      expect(await client.stream.length('audit')).toMatchObject({ length: PUTS });
      for (let turn = 0; turn < PUTS; turn += 1) {
        const record = await client.get(`key${turn}`);
        expect(Buffer.from(record?.value ?? []).toString()).toBe(`value ${turn} `.repeat(20));
      }
      const { revision } = await client.put('new', 'value');
      expect(revision).toBe(2 * PUTS + 2);
      const old = await putAsStranger(endpoints);
      expect(old).toBeInstanceOf(ClientError);
      expect(old).toMatchObject({ code: 'wrong_cluster', definite: true });
    } finally {
      await client.close();
      await next.stop();
    }
  });

  it('makes as many replicas as are wanted, under the number that is wanted', async () => {
    const into = fresh('three');
    const words = ['--replicas=3', '--new-cluster=99', '-o', 'json'];
    const { code, out } = await restore(original, into, ...words);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ new_cluster: '99', new_replica_count: 3 });
    expect(readdirSync(into)).toEqual(['replica-0.data', 'replica-1.data', 'replica-2.data']);
  });

  it('writes over nothing, and leaves nothing of what is damaged', async () => {
    const into = fresh('twice');
    expect((await restore(original, into)).code).toBe(0);
    const before = readFileSync(join(into, 'replica-0.data'));
    expect((await restore(original, into)).code).toBe(21);
    expect(readFileSync(join(into, 'replica-0.data')).equals(before)).toBe(true);
    const bytes = readFileSync(original);
    bytes.writeUInt8(bytes.readUInt8(5000) ^ 1, 5000);
    const path = fresh('spoilt.backup');
    writeFileSync(path, bytes);
    const nowhere = fresh('nothing');
    expect((await restore(path, nowhere)).code).toBe(8);
    expect(existsSync(nowhere)).toBe(false);
  });

  it.each([
    { words: ['--new-cluster=7'], says: '--new-cluster 7 is the old one' },
    { words: ['--new-cluster=0'], says: '--new-cluster 0 stands for no cluster' },
    { words: ['--replicas=7'], says: '--replicas is 1 to 6' },
  ])('refuses $words', async ({ words, says }) => {
    const { code, err } = await restore(original, fresh('refused'), ...words);
    expect(err).toContain(says);
    expect(code).toBe(2);
  });
});
