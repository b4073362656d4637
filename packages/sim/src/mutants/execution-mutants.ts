import type { Mutant } from './mutant.ts';

const COMMIT = 'vsr/src/replica/commit.ts';

/** Commit and execution: what is executed, when, and from which inputs. */
export const EXECUTION_MUTANTS: readonly Mutant[] = [
  {
    name: 'reply_before_commit',
    entry: 'M20',
    bug: 'ops execute, and are answered, as soon as they are in the log',
    edits: [
      {
        file: COMMIT,
        find: 'next <= opMin(r.commitMax, r.op)',
        replace: 'next <= opMin(opMax(r.commitMax, r.op), r.op)',
      },
      { file: COMMIT, find: 'opMin, opNext }', replace: 'opMax, opMin, opNext }' },
    ],
  },
  {
    name: 'commit_without_chain',
    bug: 'ops execute by number, before their headers are chained to the view',
    edits: [{ file: COMMIT, find: 'next >= r.chainOp', replace: 'next >= 0' }],
  },
];
