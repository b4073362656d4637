import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@kimberlite/client';
import { createKernel } from '@kimberlite/kernel';
import {
  formatAddress,
  formatDataFile,
  isFault,
  loadConfiguration,
  type RunningReplica,
  startReplica,
} from '@kimberlite/server';
import { CONFIG_DEV } from '@kimberlite/vsr';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedContext } from './context.ts';
import { buildProgram, runProgram } from './program.ts';
import { runLine, runLines } from './repl.ts';
import { type CapturedIo, capturedIo } from './testing/captured-io.ts';

// One real replica in this process, on a data file in a temporary directory: what the commands
// print is tested against the real thing.
const directory = mkdtempSync(join(tmpdir(), 'kimberlite-cli-'));
const dataFile = join(directory, '0.data');
let replica: RunningReplica;
let endpoints: string;

function ok<T>(value: T): Exclude<T, { readonly kind: 'fault' }> {
  if (isFault(value)) throw new Error(value.message);
  return value as Exclude<T, { readonly kind: 'fault' }>; // SAFETY: it is no fault.
}

beforeAll(async () => {
  const config = { ...CONFIG_DEV, historyRevisions: 1000 };
  const stateMachine = createKernel();
  const sizes = { config, stateMachine, cluster: 7n, slot: 0, replicaCount: 1 };
  ok(await formatDataFile({ path: dataFile, ...sizes }));
  const configuration = ok(
    loadConfiguration({
      file: null,
      env: {},
      flags: {
        'data-file': dataFile,
        addresses: '127.0.0.1:1',
        'peer-address': '127.0.0.1:0',
        'client-address': '127.0.0.1:0',
        'http-address': '127.0.0.1:0',
      },
    }),
  );
  const options = { configuration, stateMachine, writeLog: (): void => {} };
  replica = ok(await startReplica(options));
  endpoints = formatAddress(replica.clientAddress);
});

afterAll(async () => {
  await replica.stop();
  rmSync(directory, { recursive: true });
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(
  words: readonly string[],
  options: { readonly input?: string } = {},
): Promise<Ran> {
  const io = capturedIo({ env: { KIMBERLITE_ENDPOINTS: endpoints }, ...options });
  const code = await runProgram(words, io);
  return { code, out: io.out(), err: io.err() };
}

function parsed(ran: Ran): unknown {
  expect(ran.out.endsWith('\n')).toBe(true);
  return JSON.parse(ran.out);
}

describe('key commands', () => {
  it('get prints the value and a newline and nothing else', async () => {
    expect((await run(['put', 'k1', 'hello, world'])).out).toMatch(/^revision \d+\n$/);
    expect(await run(['get', 'k1'])).toEqual({ code: 0, out: 'hello, world\n', err: '' });
  });

  it('get --raw prints the bytes of the value and nothing else', async () => {
    await run(['put', 'raw', '-'], { input: 'line 1\nline 2' });
    expect(await run(['get', 'raw', '--raw'])).toEqual({
      code: 0,
      out: 'line 1\nline 2',
      err: '',
    });
    expect((await run(['get', 'raw', '--raw', '-o', 'json'])).code).toBe(2);
  });

  it('get of an absent key has an exit code of its own and prints nothing', async () => {
    const ran = await run(['get', 'no such key']);
    expect(ran).toMatchObject({ code: 3, out: '' });
    expect(ran.err).toMatch(/^error: there is no key "no such key"\..* \[not_found\]\n$/);
    const json = await run(['get', 'no such key', '-o', 'json']);
    expect(json).toMatchObject({ code: 3, err: '' });
    expect(parsed(json)).toEqual({ key: 'no such key', found: false });
  });

  it('put reads a value from standard input and tells what was there before', async () => {
    await run(['put', 'k2', '-'], { input: 'line 1\nline 2' });
    expect((await run(['get', 'k2'])).out).toBe('line 1\nline 2\n');
    const ran = await run(['put', 'k2', 'new', '--previous', '-o', 'json']);
    expect(parsed(ran)).toMatchObject({ previous: { found: true, value: 'line 1\nline 2' } });
    const text = await run(['put', 'k2', 'newer', '--previous']);
    expect(text.out).toMatch(/^revision \d+\nprevious new\n$/);
  });

  it('get -o json gives the revisions', async () => {
    await run(['put', 'k3', '1']);
    await run(['put', 'k3', '2']);
    expect(parsed(await run(['get', 'k3', '-o', 'json']))).toMatchObject({
      key: 'k3',
      found: true,
      value: '2',
      value_size: 1,
      version: 2,
    });
  });

  it('get, range and compact know older revisions', async () => {
    const first = await run(['put', 'old/a', 'one', '-o', 'json']);
    const { revision } = JSON.parse(first.out) as { revision: number }; // SAFETY: our own output.
    await run(['put', 'old/a', 'two']);
    await run(['del', 'old/a']);
    await run(['put', 'old/b', 'three']);
    const at = (back: number): string[] => ['--revision', String(revision + back)];
    expect((await run(['get', 'old/a', ...at(0)])).out).toBe('one\n');
    expect((await run(['get', 'old/a', ...at(1), '--read', 'local'])).out).toBe('two\n');
    expect((await run(['get', 'old/a', ...at(2)])).code).toBe(3);
    const range = ['range', '--prefix', 'old/'];
    expect((await run([...range, ...at(1)])).out).toBe('old/a\ttwo\n');
    expect((await run([...range, ...at(3)])).out).toBe('old/b\tthree\n');
    expect((await run(range)).out).toBe('old/b\tthree\n');

    const beyond = await run(['get', 'old/a', ...at(4)]);
    expect(beyond.code).toBe(5);
    expect(beyond.err).toContain('[future_revision]');
    const lowest = `readable from revision ${revision + 1}\n`;
    expect((await run(['compact', String(revision + 1)])).out).toBe(lowest);
    expect((await run(['compact', '0'])).out).toBe(lowest);
    const below = await run([...range, ...at(0)]);
    expect(below.code).toBe(5);
    expect(below.err).toContain('[compacted]');
    expect((await run(['get', 'old/a', ...at(1)])).out).toBe('two\n');
  });

  it('range prints a line a key, escaped, within its limit', async () => {
    await run(['put', 'r/a', '1\t2']);
    await run(['put', 'r/b', 'x']);
    await run(['put', 'r/c', 'y']);
    const all = await run(['range', '--prefix', 'r/']);
    expect(all).toMatchObject({ code: 0, out: 'r/a\t1\\t2\nr/b\tx\nr/c\ty\n' });
    expect((await run(['range', 'r/b', 'r/c'])).out).toBe('r/b\tx\n');
    expect((await run(['range', '--prefix', 'r/', '--limit', '1'])).out).toBe('r/a\t1\\t2\n');
    expect((await run(['range', '--prefix', 'r/', '--keys-only'])).out).toBe('r/a\nr/b\nr/c\n');
    const json = await run(['range', '--prefix', 'r/', '--keys-only', '-o', 'json']);
    const lines = json.out
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatchObject({ key: 'r/a', version: 1 });
  });

  it('del counts what was there, and an absent key is no error', async () => {
    await run(['put', 'd1', 'x']);
    expect(await run(['del', 'd1', 'd2'])).toMatchObject({ code: 0, out: 'deleted 1\n' });
    expect(parsed(await run(['del', 'd1', '-o', 'json']))).toEqual({ deleted: 0, revision: null });
  });

  it('namespaces do not see each other', async () => {
    await run(['put', 'tenant', 'one', '--namespace', 'one']);
    expect((await run(['get', 'tenant', '--namespace', 'two'])).code).toBe(3);
    expect((await run(['get', 'tenant', '--namespace', 'one'])).out).toBe('one\n');
  });
});

describe('txn', () => {
  it('does the first branch, then refuses with its own exit code', async () => {
    const words = ['txn', '--if', 'absent lock', '--then', 'put lock me'];
    expect(await run(words)).toMatchObject({ code: 0, err: '' });
    const again = await run(words);
    expect(again).toMatchObject({ code: 5, out: 'else: revision unchanged\n' });
    expect(again.err).toMatch(/^error: the compares do not hold[^\n]* \[compare_failed\]\n$/);
    const json = await run([...words, '-o', 'json']);
    expect(json).toMatchObject({ code: 5, err: '' });
    expect(parsed(json)).toMatchObject({ succeeded: false });
  });

  it('does the other branch, which is no failure', async () => {
    const words = ['txn', '--if', 'absent lock', '--then', 'get a', '--else', 'get lock'];
    const ran = await run([...words, '-o', 'json']);
    expect(ran.code).toBe(0);
    expect(parsed(ran)).toMatchObject({
      succeeded: false,
      revision: null,
      results: [{ kind: 'get', found: true, value: 'me' }],
    });
  });

  it('is refused as usage when it does nothing or says nonsense', async () => {
    expect((await run(['txn', '--if', 'absent a'])).code).toBe(2);
    const ran = await run(['txn', '--if', 'a == b', '--then', 'get a']);
    expect(ran.code).toBe(2);
    expect(ran.err).toMatch(/^error: 'a == b' is not a compare/);
  });
});

describe('stream', () => {
  it('creates, appends, reads and counts', async () => {
    expect((await run(['stream', 'create', 's'])).code).toBe(0);
    expect((await run(['stream', 'append', 's', 'one', 'two'])).out).toBe('offset 0 length 2\n');
    expect((await run(['stream', 'read', 's'])).out).toBe('0\tone\n1\ttwo\n');
    expect((await run(['stream', 'read', 's', '--offset', '1'])).out).toBe('1\ttwo\n');
    expect((await run(['stream', 'length', 's'])).out).toBe('2\n');
    const json = parsed(await run(['stream', 'length', 's', '-o', 'json']));
    expect(json).toMatchObject({ length: 2, chain: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  it('tells refusals by exit code', async () => {
    expect((await run(['stream', 'create', 's'])).code).toBe(5);
    expect((await run(['stream', 'append', 's', 'x', '--expect', '9'])).code).toBe(5);
    expect((await run(['stream', 'read', 'nowhere'])).code).toBe(3);
    expect((await run(['stream', 'read', 's', '--offset', '2'])).code).toBe(0);
    const beyond = await run(['stream', 'read', 's', '--offset', '3']);
    expect(beyond).toMatchObject({ code: 5, out: '' });
    expect(beyond.err).toContain('[wrong_offset]');
  });
});

describe('what goes wrong', () => {
  it('is usage: exit code 2, nothing on standard output', async () => {
    const lines = [
      ['put'],
      ['frobnicate'],
      ['get', 'a', '--nonsense'],
      ['get', 'a', '--timeout', '-1'],
      ['get', 'a', '-o', 'xml'],
      ['get', 'a', '--endpoints', 'nowhere'],
      ['range', 'a', 'b', '--prefix', 'c'],
      ['format', '--data-file', 'x', '--cluster', '1', '--replica', '3'],
      ['dev', '--replicas', '9'],
      ['start', '--nonsense'],
    ];
    for (const words of lines) {
      const ran = await run(words);
      expect(ran, words.join(' ')).toMatchObject({ code: 2, out: '' });
      expect(ran.err).toMatch(/^error: [^\n]+ \[(usage|invalid_argument)\]\n$/);
    }
  });

  it('names the command that was probably meant, in the one line', async () => {
    const ran = await run(['statsu']);
    expect(ran.err).toMatch(/^error: unknown command 'statsu'; did you mean status\? See .*\n$/);
  });

  it('is an option that has another name here, which is told', async () => {
    const append = await run(['stream', 'append', 's', 'event', '--offset', '3']);
    expect(append).toMatchObject({ code: 2, out: '' });
    expect(append.err).toMatch(
      /^error: unknown option '--offset'; here it is --expect, .*\[usage\]/,
    );
    const format = await run(['format', '--replica-count=3', '--replica', '0']);
    expect(format).toMatchObject({ code: 2, out: '' });
    expect(format.err).toContain("unknown option '--replica-count'; here it is --replicas. ");
    expect((await run(['format', '--help'])).out).not.toContain('--replica-count');
  });

  it('is no command at all: the help, as a usage error', async () => {
    const ran = await run([]);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toMatch(/^Usage: kimberlite/);
  });

  it('is usage as JSON when that was asked for', async () => {
    const ran = await run(['get', '-o', 'json']);
    expect(ran.code).toBe(2);
    expect(parsed(ran)).toMatchObject({ error: { code: 'usage', exit_code: 2 } });
  });

  it('is an unreachable cluster: exit code 4 and one line, JSON when asked for', async () => {
    const words = ['get', 'a', '--endpoints', '127.0.0.1:9', '--timeout', '300'];
    const ran = await run(words);
    expect(ran).toMatchObject({ code: 4, out: '' });
    expect(ran.err).toMatch(/^error: [^\n]*127\.0\.0\.1:9[^\n]* \[unreachable\]\n$/);
    const json = parsed(await run([...words, '-o', 'json']));
    expect(json).toMatchObject({ error: { code: 'unreachable', definite: true, exit_code: 4 } });
  });

  it('is another cluster: exit code 6', async () => {
    const ran = await run(['put', 'a', 'b', '--cluster', '8']);
    expect(ran).toMatchObject({ code: 6, out: '' });
    expect(ran.err).toContain('it belongs to cluster 7');
  });

  it('is a port for peers or HTTP: exit code 6, and which port it is', async () => {
    const ports = [
      [replica.peerAddress, 'this is the peer port of a replica'],
      [replica.httpAddress, 'this is an HTTP port'],
    ] as const;
    for (const [address, reason] of ports) {
      const endpoint = address === null ? '' : formatAddress(address);
      const ran = await run(['get', 'a', '--endpoints', endpoint]);
      expect(ran, reason).toMatchObject({ code: 6, out: '' });
      expect(ran.err).toContain(`${endpoint}: ${reason}`);
    }
  });

  it('is too large: exit code 5', async () => {
    expect((await run(['put', 'a', 'x'.repeat(70_000)])).code).toBe(5);
  });

  it('is a configuration: the exit code of the server', async () => {
    const ran = await run(['start', '--data-file', dataFile]);
    expect(ran).toMatchObject({ code: 10, out: '' });
    expect(ran.err).toContain('addresses is missing');
  });

  it('is a data file: the exit code of the server', async () => {
    const words = ['format', '--data-file', dataFile, '--cluster', '7', '--replica', '0'];
    expect((await run(words)).code).toBe(21);
    const flags = ['--data-file', join(directory, 'none'), '--addresses', '127.0.0.1:1'];
    expect((await run(['start', ...flags])).code).toBe(20);
  });
});

describe('status, bench, version and inspect', () => {
  it('status shows every replica, and those that do not answer', async () => {
    const http = replica.httpAddress === null ? '' : formatAddress(replica.httpAddress);
    const ran = await run(['status', '--http', `${http},127.0.0.1:1010`]);
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(/^REPLICA +ROLE +STATUS/);
    expect(ran.out).toMatch(/\n0 +primary +normal /);
    expect(ran.out).toContain('nothing listens there');
    const none = await run(['status', '--http', '127.0.0.1:1010']);
    expect(none.code).toBe(4);
    expect(none.err).toContain('no replica answered over HTTP (127.0.0.1:1010: ');
  });

  it('status refuses another cluster than --cluster, and shows nothing of it', async () => {
    const http = replica.httpAddress === null ? '' : formatAddress(replica.httpAddress);
    const words = ['status', '--http', http, '--cluster'];
    expect((await run([...words, '7'])).code).toBe(0);
    const ran = await run([...words, '8']);
    expect(ran).toMatchObject({ code: 6, out: '' });
    expect(ran.err).toContain(`${http}: of cluster 7, not 8`);
  });

  it('recover refuses another cluster than --cluster before it makes anything', async () => {
    const http = replica.httpAddress === null ? '' : formatAddress(replica.httpAddress);
    const path = join(directory, 'recovered.data');
    const words = ['recover', '--data-file', path, '--replica', '1', '--http', http];
    const ran = await run([...words, '--cluster', '8']);
    expect(ran).toMatchObject({ code: 6, out: '' });
    expect(ran.err).toContain('of cluster 7, not 8');
    expect(existsSync(path)).toBe(false);
  });

  it('status tells a port that is for clients or peers', async () => {
    for (const { host, port } of [replica.clientAddress, replica.peerAddress]) {
      const http = formatAddress({ host, port });
      const ran = await run(['status', '--http', http]);
      expect(ran.code).toBe(6);
      expect(ran.out).toContain('this is no HTTP port; give the HTTP port of a replica');
      expect(ran.err).toContain(`${http}: this is no HTTP port`);
    }
  });

  it('bench prints one object with throughput and quantiles', async () => {
    const words = ['bench', '--callers', '8', '--operations', '200', '--warmup', '20'];
    const ran = await run([...words, '--reads', '0.5', '-o', 'json']);
    expect(parsed(ran)).toMatchObject({ callers: 8, value_size: 256, operations: 200, errors: {} });
    const text = await run(words);
    expect(text.out).toMatch(/throughput +\d+ per second/);
  });

  it('version names the program', async () => {
    expect((await run(['version'])).out).toMatch(/^kimberlite \d+\.\d+\.\d+ /);
    expect(parsed(await run(['version', '-o', 'json']))).toHaveProperty('protocol');
  });

  it('inspect reads superblock, log and checkpoint, and refuses a foreign file', async () => {
    const superblock = parsed(await run(['inspect', 'superblock', dataFile, '-o', 'json']));
    expect(superblock).toMatchObject({
      cluster: '7',
      replica: 0,
      replica_count: 1,
      wal_slots: 128,
    });
    const wal = await run(['inspect', 'wal', dataFile, '--all', '-o', 'json']);
    const slots = wal.out
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(slots).toHaveLength(128);
    expect(slots[1]).toMatchObject({ slot: 1, header: 'ok', prepare: 'ok', agree: true });
    expect((await run(['inspect', 'wal', dataFile])).out).toMatch(/ SLOT +OP +VIEW/);
    expect(parsed(await run(['inspect', 'checkpoint', dataFile, '-o', 'json']))).toHaveProperty(
      'op',
    );
    const foreign = new URL(import.meta.url).pathname;
    expect((await run(['inspect', 'superblock', foreign])).code).toBe(24);
    for (const what of ['superblock', 'wal', 'integrity']) {
      const absent = await run(['inspect', what, `${dataFile}.no`]);
      expect(absent.code).toBe(20);
      expect(absent.err).toMatch(/^error: .*\.no: ENOENT\. Check the path; nothing was read or /);
    }
  });
});

describe('the repl', () => {
  it('runs the same commands line by line over one client, and survives mistakes', async () => {
    const io: CapturedIo = capturedIo();
    const client = await connect({ endpoints: [endpoints], lanes: 1 });
    try {
      const context = sharedContext(io, client);
      const lines = [
        '',
        '# a comment',
        'put repl "a b"',
        'get repl',
        'get absent-here',
        'nonsense',
        "put 'open",
        'help',
        "txn --if 'value repl = \"a b\"' --then 'del repl'",
      ];
      const exitCodes: number[] = [];
      for (const line of lines) {
        const { leave, exitCode } = await runLine(line, context);
        expect(leave, line).toBe(false);
        exitCodes.push(exitCode);
      }
      expect(exitCodes).toEqual([0, 0, 0, 0, 3, 2, 2, 0, 0]);
      expect(await runLine('exit', context)).toEqual({ leave: true, exitCode: 0 });
      expect(io.out()).toMatch(/^revision \d+\na b\n/);
      expect(io.out()).toMatch(/then: revision \d+\ndel: deleted 1\n$/);
      expect(io.err()).toContain('[not_found]');
      expect(io.err()).toContain("unknown command 'nonsense'");
      expect(io.err()).toContain('is not closed');
    } finally {
      await client.close();
    }
  });

  it('ends with the first failure of its lines, and runs all of them up to exit', async () => {
    const io: CapturedIo = capturedIo();
    const client = await connect({ endpoints: [endpoints], lanes: 1 });
    async function* lines(...texts: readonly string[]): AsyncGenerator<string> {
      yield* texts;
    }
    try {
      const context = sharedContext(io, client);
      const failing = ['get absent-here -o json', 'nonsense', 'put repl 2', 'exit', 'get repl'];
      expect(await runLines(lines(...failing), context)).toBe(3);
      expect(io.out()).toMatch(/"found":false\}\nrevision \d+\n$/);
      expect(await runLines(lines('get repl', 'help'), context)).toBe(0);
    } finally {
      await client.close();
    }
  });
});

describe('help', () => {
  it('has a description and an example for every command', () => {
    const visit = (command: Command, path: string): void => {
      let help = '';
      command.configureOutput({
        writeOut: (text) => {
          help += text;
        },
      });
      command.outputHelp();
      expect(command.description(), path).not.toBe('');
      if (path !== 'kimberlite') expect(help, path).toMatch(/Examples?:\n {2}(kimberlite|printf) /);
      for (const child of command.commands) visit(child, `${path} ${child.name()}`);
    };
    visit(
      buildProgram(capturedIo(), () => {}),
      'kimberlite',
    );
  });

  it('is no error', async () => {
    expect(await run(['--help'])).toMatchObject({ code: 0, err: '' });
    expect((await run(['get', '--help'])).out).toContain('Examples:');
    const start = (await run(['start', '--help'])).out.replace(/\s+/g, ' ');
    expect(start).toContain('lines to write: debug, info, warn, error.');
  });
});
