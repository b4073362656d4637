import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@kimberlite/client';
import { type StatusRecord, statusOf } from '@kimberlite/server';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { kimberlite, run } from '../support/kimberlite.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

const LOST = 1;
const KEYS = 40;

interface Endpoints {
  readonly endpoints: readonly string[];
  readonly replicas: readonly { readonly http: string }[];
}

/** A `kimberlite` that runs until it is told to stop. */
class Running {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #text = '';

  constructor(words: readonly string[]) {
    const { file, args, options } = kimberlite(words);
    this.#child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#text += text;
      });
    }
  }

  /** Standard output and standard error. */
  text(): string {
    return this.#text;
  }

  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return await this.#ended;
  }
}

let directory: ReturnType<typeof temporaryDirectory>;
const running: Running[] = [];
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(async () => {
  await stopAll();
  directory.remove();
});

function begin(words: readonly string[]): Running {
  const process = new Running(words);
  running.push(process);
  return process;
}

async function stopAll(): Promise<(number | null)[]> {
  return await Promise.all(running.splice(0).map((each) => each.stop()));
}

/** Starts `dev`, and waits until it has said this. */
async function dev(pattern: RegExp): Promise<Running> {
  const process = begin(['dev', '--base-port=0', `--data=${directory.path}`]);
  await until(() => (pattern.test(process.text()) ? true : null), {
    within: 60_000,
    what: `dev says ${pattern}`,
    explain: () => process.text(),
  });
  return process;
}

function described(): Endpoints {
  // SAFETY: what `dev` has just written.
  return JSON.parse(readFileSync(join(directory.path, 'endpoints.json'), 'utf8')) as Endpoints;
}

async function statusAt(slot: number): Promise<StatusRecord | null> {
  try {
    const response = await fetch(`http://${described().replicas[slot]?.http}/status`);
    return statusOf(await response.json());
  } catch {
    return null;
  }
}

async function write(from: number): Promise<void> {
  const client = new Client({ endpoints: [...described().endpoints] });
  for (let key = from; key < from + KEYS; key += 1) await client.put(`key ${key}`, `${key}`);
  await client.close();
}

async function expectAll(count: number): Promise<void> {
  const client = new Client({ endpoints: [...described().endpoints] });
  for (let key = 0; key < count; key += 1) {
    const record = await client.get(`key ${key}`);
    expect([key, Buffer.from(record?.value ?? []).toString()]).toEqual([key, `${key}`]);
  }
  await client.close();
}

describe('dev on a directory with a lost file', () => {
  it('starts the quorum, and prints the commands that bring the replica back', async () => {
    await dev(/^ready: 3 replicas/m);
    await write(0);
    await stopAll();
    const path = join(directory.path, `replica-${LOST}.data`);
    rmSync(path);
    const two = await dev(/The next `dev`/);
    expect(two.text()).toMatch(/^ready: 2 of 3 replicas/m);
    expect(two.text()).not.toMatch(/begin again|another --data/);
    expect(existsSync(path)).toBe(false);
    await write(KEYS);
    const commands = [...two.text().matchAll(/^ {2}npx kimberlite (.*)$/gm)];
    expect(commands).toHaveLength(2);
    const [recover = [], start = []] = commands.map(([, line = '']) => line.split(' '));
    expect(await run(kimberlite(recover))).toMatchObject({ code: 0, stderr: '' });
    const third = begin([...start, '--exit-with-parent']);
    await until(
      async () => {
        const [lost, other] = await Promise.all([statusAt(LOST), statusAt(0)]);
        if (lost === null || other === null) return null;
        const { status, syncing, commitMin } = lost.state;
        const level = commitMin >= other.state.commitMax;
        return status === 'normal' && !syncing && level ? true : null;
      },
      { within: 60_000, what: 'it is level', explain: () => third.text() },
    );
    await expectAll(2 * KEYS);
    const port = String(described().endpoints[LOST]?.split(':')[1]);
    expect(await two.stop()).toBe(0);
    expect(two.text()).toMatch(/^stopped; the data stays in /m);
    expect(two.text()).toContain(`replica ${LOST} still listens on 127.0.0.1:${port}: it was`);
    expect(two.text().match(/still listens/g)).toHaveLength(1);
    expect(await stopAll()).toEqual([0, 0]);
    // Without replica 0, what the new file holds counts.
    rmSync(join(directory.path, 'replica-0.data'));
    await dev(/^ready: 2 of 3 replicas/m);
    await expectAll(2 * KEYS);
  });
});
