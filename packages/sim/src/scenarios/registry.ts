import type { SimulationOptions } from '../run/options.ts';
import { baseline } from './core/baseline.ts';
import { partitions } from './core/partitions.ts';
import { swarm } from './core/swarm.ts';
import { noSpace } from './corruption/no-space.ts';
import { rottenHeads } from './corruption/rotten-heads.ts';
import { storageFaults } from './corruption/storage-faults.ts';
import { uncertainHeads } from './corruption/uncertain-heads.ts';
import { lostDisk } from './crash/lost-disk.ts';
import { powerCuts } from './crash/power-cuts.ts';
import { duellingViews } from './race/duelling-views.ts';
import { lateAcknowledgements } from './race/late-acknowledgements.ts';
import { newPrimaryReads } from './reads/new-primary-reads.ts';
import { stalePrimaryReads } from './reads/stale-primary-reads.ts';
import type { Scenario } from './scenario.ts';
import { scrubCompletesTour } from './scrub/scrub-completes-tour.ts';
import { scrubDetectsCorruption } from './scrub/scrub-detects-corruption.ts';
import { scrubHealsHelical } from './scrub/scrub-heals-helical.ts';
import { scrubRateLimited } from './scrub/scrub-rate-limited.ts';
import { scrubTriggersRepair } from './scrub/scrub-triggers-repair.ts';

/** What `vopr list` shows and `--scenario` takes. */
export const SCENARIOS: readonly Scenario[] = [
  swarm,
  baseline,
  partitions,
  storageFaults,
  noSpace,
  uncertainHeads,
  rottenHeads,
  powerCuts,
  lostDisk,
  duellingViews,
  lateAcknowledgements,
  scrubDetectsCorruption,
  scrubCompletesTour,
  scrubRateLimited,
  scrubTriggersRepair,
  scrubHealsHelical,
  stalePrimaryReads,
  newPrimaryReads,
];

const BY_NAME: ReadonlyMap<string, Scenario> = new Map(
  SCENARIOS.map((scenario) => [plainName(scenario.name), scenario]),
);

/** `CrashDuringCommit`, `crash-during-commit` and `crash_during_commit` are one name. */
function plainName(name: string): string {
  return name.toLowerCase().replace(/[-_: ]/g, '');
}

/** The scenario of that name, however it is spelled; null when there is none. */
export function scenarioNamed(name: string): Scenario | null {
  return BY_NAME.get(plainName(name)) ?? null;
}

/** The parameters of a named scenario for a seed, or null when there is none of that name. */
export function scenarioOptions(name: string, seed: bigint): SimulationOptions | null {
  const scenario = scenarioNamed(name);
  if (scenario === null) return null;
  return { ...scenario.options(seed), witnesses: scenario.witnesses };
}
