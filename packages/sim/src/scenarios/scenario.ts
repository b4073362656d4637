import type { SimulationOptions, Witness } from '../run/options.ts';

/** Scenarios that press on one part of the system, as `vopr list` shows them. */
export const SCENARIO_GROUPS = {
  core: 'Core',
  byzantine: 'Byzantine',
  corruption: 'Corruption',
  crash: 'Crash',
  gray: 'Gray failures',
  race: 'Races',
  clock: 'Clock',
  sessions: 'Client sessions',
  repair: 'Repair',
  timeouts: 'Timeouts',
  scrub: 'Scrub',
  reconfiguration: 'Reconfiguration',
  upgrade: 'Upgrade',
  standby: 'Standby',
  reads: 'Reads',
} as const;

/** One of `SCENARIO_GROUPS`. */
export type ScenarioGroup = keyof typeof SCENARIO_GROUPS;

/** A named set of parameters; what it does not fix is drawn from the seed. */
export interface Scenario {
  /** Found in any case, with or without dashes, underscores and spaces. */
  readonly name: string;
  /** The name that people read, where another one was published; found in the same way. */
  readonly title?: string;
  readonly group: ScenarioGroup;
  readonly purpose: string;
  /** What is broken on purpose, in a few words. */
  readonly faults: string;
  readonly workload: string;
  /** What must hold although it is broken. */
  readonly property: string;
  /** What must have been seen, or the run proves nothing and does not count. */
  readonly witnesses: readonly Witness[];
  readonly options: (seed: bigint) => SimulationOptions;
}
