import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, connect } from '@kimberlite/client';
import { formatAddress } from '@kimberlite/server';
import { SECTOR_SIZE, zoneOffset } from '@kimberlite/vsr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProgressLine } from '../progress.ts';
import { planOf, type SurvivorPlan } from '../survivor/survivor-plan.ts';
import { capturedIo } from '../testing/captured-io.ts';
import { failingFile } from '../testing/failing-file.ts';
import { CONFIG_SMALL, fill, formatSolo, startSolo } from '../testing/solo-file.ts';
import { type RawFile, readerOf, withDataFile } from './data-file-reader.ts';
import type { Finding } from './finding.ts';
import { checkIntegrity } from './integrity.ts';
import { slotOf } from './log-reader.ts';
import { type WalSlotReport, walReport } from './reports.ts';

const directory = mkdtempSync(join(tmpdir(), 'kimberlite-log-reader-'));
/** What a real replica left behind; nobody changes it. */
const original = join(directory, 'original.data');
const { messageSizeMax, walSlots } = CONFIG_SMALL;
const PREPARES = zoneOffset(CONFIG_SMALL, 'wal_prepares');
const HEADERS = zoneOffset(CONFIG_SMALL, 'wal_headers');
const UNREADABLE = 'bad (it cannot be read)';

beforeAll(async () => {
  await formatSolo(original);
  const replica = await startSolo(original);
  await fill(replica, 20);
  await replica.stop();
});
afterAll(() => rmSync(directory, { recursive: true }));

function planFrom(file: RawFile): SurvivorPlan {
  return planOf(readerOf(file), () => {});
}

/** What `inspect integrity`, `inspect wal` and `recover --from-survivor` say of a file. */
function seenBy(file: RawFile): {
  readonly found: readonly Finding[];
  readonly rows: readonly WalSlotReport[];
  readonly plan: SurvivorPlan;
} {
  const found: Finding[] = [];
  checkIntegrity(file, (finding) => found.push(finding), new ProgressLine(capturedIo()));
  return { found, rows: [...walReport(readerOf(file))], plan: planFrom(file) };
}

/** What they say of the original. */
function sound(): {
  readonly rows: readonly WalSlotReport[];
  readonly plan: SurvivorPlan;
  /** Above its checkpoint. */
  readonly ops: readonly number[];
} {
  return withDataFile(original, (file) => {
    const plan = planOf(file, () => {});
    const ops = plan.state.log.map(({ header }) => Number(header.op));
    return { rows: [...walReport(file)], plan, ops };
  });
}

describe('a sector of the log that the device refuses', () => {
  it('behind the message of a slot is seen by nobody', () => {
    const { rows, plan, ops } = sound();
    expect(ops.length).toBeGreaterThan(2);
    for (const op of ops) {
      const slot = slotOf(CONFIG_SMALL, op);
      const end = PREPARES + (slot + 1) * messageSizeMax;
      const seen = seenBy(failingFile(original, end - SECTOR_SIZE));
      expect(seen.found.filter(({ severity }) => severity === 'damage')).toEqual([]);
      expect(seen.rows).toEqual(rows);
      expect(seen.plan).toEqual(plan);
    }
  });

  it('within the message of a slot is told of that slot, and of no other', () => {
    const { rows, ops } = sound();
    for (const op of ops) {
      const slot = slotOf(CONFIG_SMALL, op);
      const seen = seenBy(failingFile(original, PREPARES + slot * messageSizeMax));
      const damages = seen.found.filter(({ zone }) => zone === 'wal_prepares');
      expect(damages).toMatchObject([
        { severity: 'damage', place: slot, op, problem: 'it cannot be read' },
      ]);
      expect(seen.rows).toEqual(
        rows.map((row) =>
          row.slot === slot ? { ...row, prepare: UNREADABLE, agree: false } : row,
        ),
      );
      expect(seen.plan).toMatchObject({ adoptedOp: op - 1, brokenBy: 'its body is unreadable' });
    }
  });

  it('among the redundant headers is told of theirs, and all bodies are kept', () => {
    const { rows, plan } = sound();
    const inSector = walSlots / 2;
    for (const first of [0, inSector]) {
      const seen = seenBy(failingFile(original, HEADERS + (first === 0 ? 0 : SECTOR_SIZE)));
      const lost = (slot: number): boolean => slot >= first && slot < first + inSector;
      expect(seen.rows).toEqual(
        rows.map((row) => (lost(row.slot) ? { ...row, header: UNREADABLE, agree: false } : row)),
      );
      expect(seen.plan.state).toEqual(plan.state);
    }
  });
});

/** Starts a replica on a file, and stops it when `use` is done. */
async function withReplica(path: string, use: (client: Client) => Promise<void>): Promise<void> {
  const replica = await startSolo(path);
  const client = await connect({ endpoints: [formatAddress(replica.clientAddress)], lanes: 1 });
  try {
    await use(client);
  } finally {
    await client.close();
    await replica.stop();
  }
}

// Aim: what a start does not look at, and so does not count among the writes that a crash has torn,
// counts for nothing here either. Method: a ring that has not come round yet, with rot in a body
// that its checkpoint covers, and a write that a crash has torn in the next slot.
describe('a body that has rotted under a checkpoint', () => {
  it('makes nothing of a write that a crash has torn, as at a start', async () => {
    const path = join(directory, 'rotten.data');
    await formatSolo(path);
    // So many that their checkpoint must be there, and each more than a sector long.
    await withReplica(path, async (client) => {
      for (let turn = 0; turn < 26; turn += 1) {
        await client.put(`key${turn}`, 'v'.repeat(2 * SECTOR_SIZE));
      }
    });
    const bytes = readFileSync(path);
    const { checkpointOp, adoptedOp } = planFrom(failingFile(path, bytes.length));
    const place = (op: number): number => PREPARES + slotOf(CONFIG_SMALL, op) * messageSizeMax;
    expect(checkpointOp).toBeGreaterThan(3);
    expect(adoptedOp).toBeLessThan(walSlots - 1);
    bytes.fill(1, place(3) + SECTOR_SIZE, place(3) + SECTOR_SIZE + 8);
    bytes.fill(1, place(adoptedOp + 1), place(adoptedOp + 1) + SECTOR_SIZE);
    writeFileSync(path, bytes);

    const { found, plan } = seenBy(failingFile(path, bytes.length));
    expect(found).toMatchObject([
      { severity: 'note', zone: 'wal_prepares', place: 3, op: 3, repair: 'reuse' },
      { severity: 'note', zone: 'wal_prepares', place: adoptedOp + 1, repair: 'not_needed' },
    ]);
    expect(plan).toMatchObject({ adoptedOp, headCertain: true, brokenBy: null });
    await withReplica(path, async (client) => {
      expect(await client.get('key25')).not.toBeNull();
    });
  });
});
