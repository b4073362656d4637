/** All options of all commands. */
export const OPTIONS = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
  seed: { type: 'string', short: 's' },
  runs: { type: 'string' },
  iterations: { type: 'string', short: 'n' },
  for: { type: 'string' },
  shard: { type: 'string' },
  jobs: { type: 'string', short: 'j' },
  scenario: { type: 'string' },
  'all-scenarios': { type: 'boolean' },
  mutant: { type: 'string' },
  bundles: { type: 'string' },
  'no-bundles': { type: 'boolean' },
  json: { type: 'boolean' },
  trace: { type: 'boolean' },
  'fail-fast': { type: 'boolean' },
  'check-determinism': { type: 'boolean' },
  part: { type: 'string' },
  'by-scenario': { type: 'boolean' },
  width: { type: 'string' },
  events: { type: 'string' },
  replays: { type: 'string' },
  output: { type: 'string', short: 'o' },
  'vsr-mode': { type: 'boolean' },
  'list-invariants': { type: 'boolean' },
  'list-scenarios': { type: 'boolean' },
} as const;

export const COMMAND_NAMES = [
  'run',
  'repro',
  'show',
  'timeline',
  'minimize',
  'bisect',
  'stats',
  'list',
  'scenarios',
  'mutants',
] as const;

export type CommandName = (typeof COMMAND_NAMES)[number];

const CAMPAIGN = [
  ...['seed', 'runs', 'iterations', 'for', 'shard', 'jobs', 'scenario', 'all-scenarios', 'mutant'],
  ...['json', 'check-determinism', 'vsr-mode'],
];

/** Options that each command takes, besides --help and --version. */
export const OPTIONS_OF: Readonly<Record<CommandName, readonly string[]>> = {
  run: [...CAMPAIGN, 'bundles', 'no-bundles', 'trace', 'fail-fast'],
  repro: ['trace'],
  show: ['events'],
  timeline: ['seed', 'scenario', 'mutant', 'width', 'events', 'vsr-mode'],
  minimize: ['replays', 'output'],
  bisect: [],
  stats: CAMPAIGN,
  list: ['json'],
  scenarios: ['json'],
  mutants: ['seed', 'runs', 'iterations', 'for', 'jobs', 'part', 'by-scenario', 'json'],
};
