import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperationClient } from '@kimberlite/client';
import { createKernel } from '@kimberlite/kernel';
import {
  ERRORS,
  formatAddress,
  formatDataFile,
  isFault,
  loadConfiguration,
  type RunningReplica,
  type ServerFault,
  startReplica,
} from '@kimberlite/server';
import { CONFIG_SIMULATION, type StateMachine } from '@kimberlite/vsr';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { counterMachine, OPERATION_ADD } from '../../packages/vsr/src/testing/counter-machine.ts';
import { type Ended, runKimberlite } from '../support/kimberlite.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const CONFIG = { ...CONFIG_SIMULATION, messageSizeMax: 16 * 1024, blockSize: 16 * 1024 };
const ADDRESSES = '127.0.0.1:1';
const WRITES = 20;

let directory: ReturnType<typeof temporaryDirectory>;
/** The only replica of a cluster that counts. */
let replica: RunningReplica | null = null;
let dataFile: string;
let backup: string;

function ok<T extends object>(value: T | ServerFault): T {
  if (isFault(value)) throw new Error(value.message);
  return value;
}

function start(
  stateMachine: StateMachine,
  path: string = dataFile,
): Promise<RunningReplica | ServerFault> {
  const any = '127.0.0.1:0';
  const flags = {
    'data-file': path,
    addresses: ADDRESSES,
    ...{ 'peer-address': any, 'client-address': any, 'http-address': any },
  };
  const configuration = ok(loadConfiguration({ file: null, env: {}, flags }));
  return startReplica({ configuration, stateMachine, writeLog: () => {} });
}

function clientOf(running: RunningReplica, machine: string): OperationClient {
  return new OperationClient({ endpoints: [formatAddress(running.clientAddress)], machine });
}

/** Adds one, as often; the count at the end. */
async function count(running: RunningReplica, times: number): Promise<number> {
  const client = clientOf(running, 'test.counter');
  try {
    let body: Uint8Array = new Uint8Array(4);
    for (let turn = 0; turn < times; turn += 1) {
      ({ body } = await client.request(OPERATION_ADD, Uint8Array.of(1)));
    }
    return new DataView(body.buffer, body.byteOffset, 4).getUint32(0, true);
  } finally {
    await client.close();
  }
}

beforeAll(async () => {
  directory = temporaryDirectory();
  dataFile = join(directory.path, '0.data');
  backup = join(directory.path, 'counters.backup');
  const file = { path: dataFile, config: CONFIG, stateMachine: counterMachine() };
  ok(await formatDataFile({ ...file, cluster: 7n, slot: 0, replicaCount: 1 }));
  replica = ok(await start(counterMachine()));
  expect(await count(replica, WRITES)).toBe(WRITES);
});
afterAll(async () => {
  await replica?.stop();
  directory.remove();
});

function running(): RunningReplica {
  if (replica === null) throw new Error('it was stopped');
  return replica;
}

const HINT = '; --state-machine names the module that makes another';

function expectOther({ code, stderr, stdout }: Ended, path: string, hint = HINT): void {
  expect(stderr).toBe(
    `error: ${path} is of the state machine test.counter; this program runs ` +
      `kimberlite.kernel${hint}. ${ERRORS.wrong_state_machine.remedy} [wrong_state_machine]\n`,
  );
  expect(stdout).toBe('');
  expect(code).toBe(ERRORS.wrong_state_machine.exitCode);
}

// What another machine wrote is executed by nobody else: it would come to another state, in which
// nothing is that was acknowledged.
describe('the command line, which runs the kernel, and a cluster of another machine', () => {
  it('sends nothing: its client is refused', async () => {
    const endpoints = `--endpoints=${formatAddress(running().clientAddress)}`;
    const put = await runKimberlite('put', 'k', 'evil', endpoints);
    expect(put.stderr).toMatch(
      / runs another state machine than kimberlite.kernel.+ \[wrong_machine\]/,
    );
    expect(put.code).toBe(6);
    expect(running().status().state.sessions).toBe(1);
  });

  it('takes a backup, which it does not restore', async () => {
    const http = running().httpAddress;
    const made = await runKimberlite(
      'backup',
      'create',
      backup,
      `--http=${http?.host}:${http?.port}`,
    );
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expectOther(await runKimberlite('backup', 'verify', backup), backup);
    const into = `--into=${join(directory.path, 'restored')}`;
    expectOther(await runKimberlite('backup', 'restore', backup, into), backup);
  });

  it('neither starts on its file, nor goes on from it; its own program does', async () => {
    await running().stop();
    replica = null;
    const starting = ['start', `--data-file=${dataFile}`, `--addresses=${ADDRESSES}`];
    expectOther(await runKimberlite(...starting), dataFile, '');
    const survivor = ['recover', `--from-survivor=${dataFile}`, '--dry-run'];
    expectOther(await runKimberlite(...survivor), dataFile);
    expect(await start(createKernel())).toMatchObject({ code: 'wrong_state_machine' });
    const tables = [{ id: 17, name: 'counter', combine: null }];
    expect(await start({ ...counterMachine(), tables })).toMatchObject({
      message: expect.stringContaining('test.counter with other tables'),
    });
    const inspected = await runKimberlite('inspect', 'superblock', dataFile);
    expect(inspected.stdout).toMatch(/state_machine +test\.counter\n/);
    replica = ok(await start(counterMachine()));
    expect(await count(replica, 1)).toBe(WRITES + 1);
  });
});

/** What an operator gives to `--state-machine`: the module of a program's own machine. */
function counterModule(): string {
  const source = new URL('../../packages/vsr/src/testing/counter-machine.ts', import.meta.url);
  const module = join(directory.path, 'counter.mjs');
  writeFileSync(module, `export { counterMachine as default } from '${source.href}';\n`);
  return `--state-machine=${module}`;
}

/** Source of a module that makes the machine with some of its parts changed. */
function counterWith(parts: string): string {
  const source = new URL('../../packages/vsr/src/testing/counter-machine.ts', import.meta.url);
  return (
    `import { counterMachine } from '${source.href}';\n` +
    `export default () => ({ ...counterMachine(), ${parts} });\n`
  );
}

function scratch(): string {
  const path = join(directory.path, 'scratch');
  mkdirSync(path, { recursive: true });
  return path;
}

/** Starts the program of the machine on a file that was made for it, and counts on. */
async function countOn(path: string): Promise<number> {
  const restored = ok(await start(counterMachine(), path));
  try {
    return await count(restored, 1);
  } finally {
    await restored.stop();
  }
}

describe('the command line with the module that makes the machine', () => {
  it('verifies and restores its backup', async () => {
    const verified = await runKimberlite('backup', 'verify', backup, counterModule());
    expect(verified).toMatchObject({ code: 0, stderr: '' });
    expect(verified.stdout).toMatch(/^ok .* restored and checked\n$/);
    const into = join(directory.path, 'restored');
    const restored = await runKimberlite(
      'backup',
      'restore',
      backup,
      `--into=${into}`,
      counterModule(),
    );
    expect(restored).toMatchObject({ code: 0, stderr: '' });
    expect(restored.stdout).toContain('start your program for all');
    expect(await countOn(join(into, 'replica-0.data'))).toBe(WRITES + 1);
  });

  it('goes on from the file of a survivor, and shows what is in it', async () => {
    await running().stop();
    replica = null;
    const tables = await runKimberlite('inspect', 'tables', dataFile, counterModule());
    expect(tables).toMatchObject({ code: 0, stderr: '' });
    expect(tables.stdout).toMatch(/^16 +counter /m);
    expectOther(await runKimberlite('inspect', 'sessions', dataFile), dataFile);
    const sessions = await runKimberlite(
      'inspect',
      'sessions',
      dataFile,
      '-o',
      'json',
      counterModule(),
    );
    expect(sessions).toMatchObject({ code: 0, stderr: '' });
    const into = join(directory.path, 'survived');
    const made = await runKimberlite(
      ...['recover', `--from-survivor=${dataFile}`, `--into=${into}`, '--yes-i-lose=7'],
      ...['--endpoints=127.0.0.1:1', counterModule()],
    );
    expect(made.code).toBe(0);
    expect(await countOn(join(into, 'replica-0.data'))).toBe(WRITES + 2);
  });

  it.each([
    ['is not there', null, /cannot be loaded: /],
    ['does not parse', 'export default {', /cannot be loaded: /],
    ['exports no function', 'export default 7;', /has no default export that is a function/],
    ['throws', 'export default () => { throw new Error("no"); };', /it throws: no\./],
    ['makes something else', 'export default () => ({});', /something else than a state machine/],
    ['has no table in its list', counterWith('tables: [null]'), /it has no list of tables: /],
    ['has a name that is none', counterWith("name: 'Bad Name'"), /it has the name 'Bad Name'; /],
    ['lacks a function', counterWith('validate: undefined'), /it has no function validate: /],
  ])('refuses a module that %s', async (_, source, problem) => {
    const module = join(directory.path, `${String(_).replaceAll(' ', '-')}.mjs`);
    if (source !== null) writeFileSync(module, source);
    const { code, stderr } = await runKimberlite(
      ...['backup', 'verify', backup, `--state-machine=${module}`],
    );
    expect(stderr).toMatch(problem);
    expect(stderr).toMatch(/ \[usage\]\n$/);
    expect(code).toBe(2);
  });

  it('says what it threw, and leaves nothing', async () => {
    const module = join(directory.path, 'throwing.mjs');
    const source = counterWith("execute() { throw new Error('at the log'); }");
    writeFileSync(module, source);
    const verified = await runKimberlite(
      ...['backup', 'verify', backup, `--scratch=${scratch()}`, `--state-machine=${module}`],
    );
    expect(verified.stderr).toMatch(/Error: at the log\n +at .*throwing.mjs/);
    expect(verified.stderr).toMatch(
      /\nerror: the state machine's execute at op .* threw Error: at the log\. /,
    );
    expect(verified.stderr).toMatch(/ \[state_machine_failed\]\n$/);
    expect(verified.code).toBe(ERRORS.state_machine_failed.exitCode);
    expect(readdirSync(scratch())).toEqual([]);
  });

  it('refuses the module of yet another machine', async () => {
    const module = join(directory.path, 'another.mjs');
    const parts = "name: 'test.other', tables: [], validate() {}, replyLimit() {}, prefetch() {}";
    writeFileSync(module, `export default () => ({ ${parts}, execute() {} });`);
    const refused = await runKimberlite('backup', 'verify', backup, `--state-machine=${module}`);
    expect(refused.stderr).toContain('test.counter; this program runs test.other. ');
    expect(refused.code).toBe(ERRORS.wrong_state_machine.exitCode);
  });
});
