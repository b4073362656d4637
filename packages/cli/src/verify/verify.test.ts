import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHAIN_START, chainNext } from '@kimberlite/kernel';
import { formatAddress, type RunningReplica } from '@kimberlite/server';
import { zoneOffset } from '@kimberlite/vsr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withDataFile } from '../inspect/data-file-reader.ts';
import { walReport } from '../inspect/reports.ts';
import { runProgram } from '../program.ts';
import { capturedIo } from '../testing/captured-io.ts';
import { CONFIG_SMALL, fill, formatSolo, startSolo } from '../testing/solo-file.ts';
import { chainAfter, type StreamSource, verifyStream } from './stream-chain.ts';

const utf8 = new TextEncoder();

const directory = mkdtempSync(join(tmpdir(), 'kimberlite-verify-'));
const path = join(directory, '0.data');
const EVENTS = 40;
let replica: RunningReplica;

beforeAll(async () => {
  await formatSolo(path);
  replica = await startSolo(path);
  await fill(replica, EVENTS);
});
afterAll(async () => {
  await replica.stop();
  rmSync(directory, { recursive: true });
});

async function run(...words: readonly string[]): Promise<{ code: number; out: string }> {
  const env = { KIMBERLITE_ENDPOINTS: formatAddress(replica.clientAddress) };
  const io = capturedIo({ env });
  const code = await runProgram(words, io);
  return { code, out: io.out() };
}

describe('verify stream', () => {
  it('proves a stream of a running cluster, whose kernel reckoned the chain itself', async () => {
    const kept = JSON.parse((await run('stream', 'length', 'audit', '-o', 'json')).out);
    const ran = await run('verify', 'stream', 'audit', '-o', 'json');
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.out)).toEqual({
      result: 'whole',
      stream: 'audit',
      events: EVENTS,
      chain: kept.chain,
    });
    expect((await run('verify', 'stream', 'audit')).out).toBe(
      `whole: ${EVENTS} events, chain ${kept.chain}\n`,
    );
  });

  it('tells an empty stream, and one that is not there', async () => {
    await run('stream', 'create', 'empty');
    expect((await run('verify', 'stream', 'empty')).out).toMatch(
      /^whole: 0 events, chain 0{64}\n$/,
    );
    expect((await run('verify', 'stream', 'nowhere')).code).toBe(3);
  });
});

/** A stream as a store would keep it, in pages of three, with a chance to keep it wrongly. */
function storedStream(count: number): {
  readonly events: Uint8Array[];
  readonly chains: Uint8Array[];
  readonly source: StreamSource;
} {
  const events = Array.from({ length: count }, (_, at) => utf8.encode(`event ${at}`));
  const chains = [CHAIN_START];
  for (const [at, event] of events.entries()) {
    chains.push(chainNext(chains[at] ?? CHAIN_START, at, event));
  }
  const source: StreamSource = {
    length: async () => ({ length: events.length, chain: chains[events.length] ?? CHAIN_START }),
    read: async (offset, limit) => ({
      events: events.slice(offset, offset + Math.min(limit, 3)),
      chain: chains[offset] ?? CHAIN_START,
    }),
  };
  return { events, chains, source };
}

describe('the first broken link of a stream', () => {
  const nothing = (): void => {};

  it('is none when nothing was changed', async () => {
    const { source, chains } = storedStream(10);
    const verdict = await verifyStream(source, nothing);
    expect(verdict).toMatchObject({ kind: 'whole', events: 10 });
    expect(verdict.kind === 'whole' && Buffer.from(verdict.chain)).toEqual(
      Buffer.from(chains[10] ?? []),
    );
  });

  it('is the one behind an event that was changed, whichever it is', async () => {
    for (let changed = 0; changed < 10; changed += 1) {
      const { source, events } = storedStream(10);
      events[changed] = utf8.encode('something else');
      expect(await verifyStream(source, nothing)).toMatchObject({
        kind: 'broken',
        offset: changed + 1,
      });
    }
  });

  it('is where a hash that is kept is another, at the start of a page and at the end', async () => {
    for (const changed of [0, 3, 6, 9, 10]) {
      const { source, chains } = storedStream(10);
      chains[changed] = chainAfter(CHAIN_START, changed, utf8.encode('forged'));
      const verdict = await verifyStream(source, nothing);
      expect(verdict).toMatchObject({ kind: 'broken', offset: changed });
    }
  });
});

describe('verify log', () => {
  it('proves the log of a file, and names the first op that is not what it was', async () => {
    await replica.stop();
    const whole = await run('verify', 'log', path, '-o', 'json');
    expect(whole.code).toBe(0);
    expect(JSON.parse(whole.out)).toMatchObject({ result: 'whole', broken: null });
    const { checkpoint_op: checkpointOp, head_op: head } = JSON.parse(whole.out);
    const bytes = readFileSync(path);
    const slots = withDataFile(path, (file) => [...walReport(file)]);
    const live = slots.filter(({ op }) => op !== null && op > checkpointOp && op < head);
    expect(live.length).toBeGreaterThan(2);
    for (const { slot, op, size } of live) {
      const at = zoneOffset(CONFIG_SMALL, 'wal_prepares') + slot * CONFIG_SMALL.messageSizeMax;
      const copy = join(directory, 'spoilt.data');
      const spoilt = Buffer.from(bytes);
      const place = at + (size ?? 0) - 1;
      spoilt[place] = (spoilt[place] ?? 0) ^ 1;
      writeFileSync(copy, spoilt);
      const ran = await run('verify', 'log', copy, '-o', 'json');
      expect(ran.code).toBe(8);
      expect(JSON.parse(ran.out)).toMatchObject({
        result: 'broken',
        broken: { op, slot, offset: at },
      });
    }
    const text = await run('verify', 'log', path);
    expect(text.out).toMatch(/^whole: checkpoint \d+ to op \d+, [0-9a-f]{32}\n$/);
  });
});
