import { present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { BURSTS_OFF } from '../client/bursts.ts';
import { healthy } from '../scenarios/base.ts';
import { byzantineEarlyCommit } from '../scenarios/byzantine/byzantine-early-commit.ts';
import { describeOptions } from './describe-options.ts';
import { FULL_DISKS_OFF } from './full-disks.ts';
import { OLD_FILES_OFF } from './old-files.ts';
import type { SimulationOptions } from './options.ts';

const calm: SimulationOptions = healthy(1n);

describe('the line that names what a run has switched on', () => {
  it.each([
    [{ callsMax: 9 }, 'calls 9'],
    [{ looksShared: 7 }, 'looks 7'],
    [{ atlas: { wal: true, blocks: false } }, 'atlas wal'],
    [{ atlas: { wal: true, blocks: true, rotten: true } }, 'atlas wal and blocks, as rotten'],
    [{ dividedRecovery: true }, 'divided recovery on'],
    [{ healedDelayMicros: 2_000 }, 'healed delay 2 ms'],
    [{ oldFiles: { ...OLD_FILES_OFF, filesMax: 3 } }, 'old files 3'],
    [{ fullDisks: { ...FULL_DISKS_OFF, fullMax: 2, together: true } }, 'full disks 2 together'],
    [{ lateHeaders: true }, 'late headers on'],
    [{ unawarePrimaries: true }, 'unaware primaries on'],
    [{ network: { ...calm.network, garbleProbability: 0.25 } }, 'garbled 25.0%'],
    [{ processes: { ...calm.processes, crashAllProbability: 0.01 } }, 'power cuts 1.000%'],
    [{ storage: { ...calm.storage, rotChecksums: 0.5 } }, 'rot in checksums 50.0%'],
    [{ clients: { ...calm.clients, bursts: { ...BURSTS_OFF, factor: 10 } } }, 'bursts of 10 times'],
    [{ clocks: [{ ...present(calm.clocks[0]), skewMicros: -5000 }] }, 'off by 5 ms'],
    [{ witnesses: [{ counter: 'runs', least: 2, most: 3 }] }, 'witnesses runs from 2 to 3'],
  ] as const)('has %j in it', (change, words) => {
    expect(describeOptions(calm)).not.toContain(words);
    expect(describeOptions({ ...calm, ...change })).toContain(words);
  });

  it('names who lies, how, and what is to come of it', () => {
    const lying = byzantineEarlyCommit.options(1n);
    expect(describeOptions(calm)).toContain('no lies');
    expect(describeOptions(lying)).toMatch(
      /replica \d lies \(commit_everything\): divergence_found/,
    );
  });
});
