import type { Mutant } from './mutant.ts';

const LEVELED_TABLE = 'store/src/levels/leveled-table.ts';

/**
 * Planted bugs that no run has caught yet: each is a gap in the simulator, with what it takes in
 * docs/vopr.md. They are planted by name only, so that a build tells new gaps from these.
 */
export const UNCAUGHT_MUTANTS: readonly Mutant[] = [
  {
    name: 'range_ends_where_its_tables_say',
    bug: 'a range of an op ends by what is deleted here, while others have a checkpoint without it',
    edits: [
      {
        file: LEVELED_TABLE,
        find: '!this.settled && looked + options.added >= walk.lookMax',
        replace: '!this.settled && looked < 0',
      },
    ],
  },
];
