import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@kimberlite/client';
import { formatAddress } from '@kimberlite/server';
import { zoneOffset } from '@kimberlite/vsr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withDataFile } from '../inspect/data-file-reader.ts';
import { readTree } from '../inspect/read-tree.ts';
import { runProgram } from '../program.ts';
import { capturedIo } from '../testing/captured-io.ts';
import { CONFIG_SMALL, fill, formatSolo, startSolo } from '../testing/solo-file.ts';
import { planOf, type SurvivorPlan } from './survivor-plan.ts';

const directory = mkdtempSync(join(tmpdir(), 'kimberlite-survivor-'));
/** What a real replica left behind; nobody changes it. */
const original = join(directory, 'original.data');
const PUTS = 30;
/** Nothing listens there. */
const DEAD = '127.0.0.1:1';
const OLD = '7';

beforeAll(async () => {
  await formatSolo(original);
  const replica = await startSolo(original);
  await fill(replica, PUTS);
  await replica.stop();
});
afterAll(() => rmSync(directory, { recursive: true }));

function plan(path: string): SurvivorPlan {
  return withDataFile(path, (file) => planOf(file, () => {}));
}

/** A copy of the original with some bytes changed. */
function spoilt(name: string, spoil: (bytes: Buffer) => void): string {
  const path = join(directory, name);
  const bytes = readFileSync(original);
  spoil(bytes);
  writeFileSync(path, bytes);
  return path;
}

/** Flips a bit in the body of an op. */
function spoiltOp(op: number): string {
  const { messageSizeMax, walSlots } = CONFIG_SMALL;
  const at = zoneOffset(CONFIG_SMALL, 'wal_prepares') + (op % walSlots) * messageSizeMax + 300;
  return spoilt(`op-${op}.data`, (bytes) => bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at));
}

interface Recovered {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly into: string;
}

async function recover(
  path: string,
  options: { readonly typed?: string; readonly words?: readonly string[] } = {},
): Promise<Recovered> {
  const into = join(directory, `new-${readdirSync(directory).length}`);
  const { typed, words = [] } = options;
  const io = capturedIo(typed === undefined ? {} : { typed });
  const code = await runProgram(
    ['recover', '--from-survivor', path, '--into', into, `--endpoints=${DEAD}`, ...words],
    io,
  );
  return { code, out: io.out(), err: io.err(), into };
}

describe('what is kept of a survivor', () => {
  it('is all of an unbroken log, proven or not', () => {
    const { adoptedOp, headOp, brokenBy, headCertain, committedOp, state } = plan(original);
    expect(adoptedOp).toBe(headOp);
    expect(adoptedOp).toBeGreaterThanOrEqual(2 * PUTS);
    expect(brokenBy).toBeNull();
    expect(headCertain).toBe(true);
    expect(committedOp).toBeLessThan(adoptedOp);
    expect(state.log.map(({ header }) => header.op).at(-1)).toBe(adoptedOp);
    expect(state.log).toHaveLength(adoptedOp - state.checkpoint.op);
  });

  it('ends below an op that is not whole, and says what is lost for certain', async () => {
    const { adoptedOp } = plan(original);
    const path = spoiltOp(adoptedOp - 2);
    const found = plan(path);
    expect(found.adoptedOp).toBe(adoptedOp - 3);
    expect(found.committedOp).toBe(adoptedOp - 1);
    expect(found.brokenBy).toBe('its body is unreadable');
    const io = capturedIo();
    expect(await runProgram(['recover', '--from-survivor', path, '--dry-run'], io)).toBe(0);
    expect(io.out()).toContain(
      `lost for certain: ops ${adoptedOp - 2} to ${adoptedOp - 1}, which were committed`,
    );
  });

  it('is nothing where nothing was ever written', async () => {
    const path = join(directory, 'empty.data');
    await formatSolo(path);
    const { code, err } = await recover(path, { typed: OLD });
    expect(err).toContain('holds no op that could be kept');
    expect(code).toBe(5);
  });
});

describe('recover --from-survivor', () => {
  it('asks for the number of the old cluster, and goes on only with that', async () => {
    for (const typed of ['', '8', 'yes']) {
      const { code, err, into } = await recover(original, { typed });
      expect(err).toContain('is not the number of the old cluster');
      expect(code).toBe(5);
      expect(existsSync(into)).toBe(false);
    }
    const { code, out, into } = await recover(original, { typed: ` ${OLD} ` });
    expect(out).toMatch(/^made cluster \d+ of 1, which begins at op \d+, in\n/);
    expect(out).toMatch(/\n {2}npx kimberlite start --data-file=\S+replica-0\.data --cluster=\d+ /);
    expect(out).not.toContain('HOST0');
    expect(code).toBe(0);
    expect(readdirSync(into)).toEqual(['replica-0.data']);
  });

  it('makes nothing of a state that is damaged, and leaves nothing behind', async () => {
    const start = zoneOffset(CONFIG_SMALL, 'blocks');
    const path = spoilt('blocks.data', (bytes) => bytes.fill(0xff, start));
    const { code, err, into } = await recover(path, { words: [`--yes-i-lose=${OLD}`] });
    expect(err).toContain("the survivor's state cannot be worked out");
    expect(code).toBe(8);
    expect(existsSync(into)).toBe(false);
  });

  it('makes nothing of a checkpoint with one rotten block, whichever it is', async () => {
    const addresses: number[] = [];
    withDataFile(original, (file) =>
      readTree(file, { onFault: () => {}, onBlock: (address) => addresses.push(address) }),
    );
    expect(addresses.length).toBeGreaterThan(0);
    const start = zoneOffset(CONFIG_SMALL, 'blocks');
    for (const address of [addresses.at(0) ?? 0, addresses.at(-1) ?? 0]) {
      const at = start + address * CONFIG_SMALL.blockSize - 1;
      const path = spoilt(`block-${address}.data`, (bytes) => {
        bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      });
      const { code, err, into } = await recover(path, { words: [`--yes-i-lose=${OLD}`] });
      expect(err).toContain(`block ${address} of its checkpoint: its checksum is another`);
      expect(code).toBe(8);
      expect(existsSync(into)).toBe(false);
    }
  });

  it('writes over nothing', async () => {
    const { into } = await recover(original, { typed: OLD });
    const words = ['recover', '--from-survivor', original, '--into', into, `--endpoints=${DEAD}`];
    const before = readFileSync(join(into, 'replica-0.data'));
    const io = capturedIo({ typed: OLD });
    expect(await runProgram(words, io)).toBe(21);
    expect(readFileSync(join(into, 'replica-0.data')).equals(before)).toBe(true);
  });

  it('makes a cluster of which the state is the old one, and the history another', async () => {
    const path = spoiltOp(plan(original).adoptedOp);
    const made = await recover(path, { words: [`--yes-i-lose=${OLD}`] });
    expect(made.code).toBe(0);
    const replica = await startSolo(join(made.into, 'replica-0.data'));
    const client = await connect({ endpoints: [formatAddress(replica.clientAddress)] });
    try {
      expect(replica.cluster).not.toBe(BigInt(OLD));
      // The last op was the append of the last event: it is lost, and all before it is there.
      expect(await client.stream.length('audit')).toMatchObject({ length: PUTS - 1 });
      expect(await client.get(`key${PUTS - 1}`)).not.toBeNull();
      const { revision } = await client.put('new', 'value');
      expect(revision).toBe(2 * PUTS + 1);
    } finally {
      await client.close();
      await replica.stop();
    }
  });

  it.each([
    { words: ['--replica=1'], says: '--replica does not go with --from-survivor' },
    { words: ['--data-file=x'], says: '--data-file does not go with --from-survivor' },
    { words: ['--new-cluster=7'], says: '--new-cluster 7 is the old one' },
    { words: ['--new-cluster=0'], says: '--new-cluster 0 stands for no cluster' },
  ])('refuses $words', async ({ words, says }) => {
    const { code, err } = await recover(original, { typed: OLD, words });
    expect(err).toContain(says);
    expect(code).toBe(2);
  });

  it('has options that the other form has not', async () => {
    for (const [words, says] of [
      [['--yes-i-lose=7'], '--yes-i-lose goes only with --from-survivor'],
      [['--replica=1'], '--data-file is missing (or --from-survivor)'],
    ] as const) {
      const io = capturedIo();
      expect(await runProgram(['recover', ...words], io)).toBe(2);
      expect(io.err()).toContain(says);
    }
  });
});
