import type { Mutant } from './mutant.ts';

const PREPARE = 'vsr/src/replica/prepare.ts';
const WINDOW = 'vsr/src/replica/window.ts';

/** Checkpoints and state transfer. */
export const CHECKPOINT_MUTANTS: readonly Mutant[] = [
  {
    name: 'uncheckpointed_slot_overwritten',
    entry: 'M21',
    bug: 'the log goes on over slots that no durable checkpoint covers',
    edits: [
      {
        file: WINDOW,
        find: 'if (required === null) return true;',
        replace: 'if (required === null || op > 0) return true;',
      },
      {
        file: PREPARE,
        find: 'r.op + 1 <= r.checkpoint.op + r.config.walSlots &&',
        replace: '',
      },
    ],
  },
];
