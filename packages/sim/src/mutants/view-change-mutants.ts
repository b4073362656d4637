import type { Mutant } from './mutant.ts';

const CHAIN = 'vsr/src/replica/chain.ts';
const DO_VIEW_CHANGE = 'vsr/src/replica/do-view-change.ts';
const PREPARE = 'vsr/src/replica/prepare.ts';
const SEND = 'vsr/src/replica/send.ts';
const VIEW_CHANGE = 'vsr/src/replica/view-change.ts';

/** View changes: what is durable, what is shown, and what becomes of the old log. */
export const VIEW_CHANGE_MUTANTS: readonly Mutant[] = [
  {
    name: 'do_view_change_before_view',
    entry: 'M7',
    bug: 'do_view_change goes out before the view is durable',
    edits: [
      {
        file: DO_VIEW_CHANGE,
        find: 'if (durable.view !== r.view || durable.logView !== r.logView) return;',
        replace: '',
      },
      {
        file: SEND,
        find: "if (durable.view < header.view) return 'view_not_durable';\n",
        replace: '',
      },
      {
        file: VIEW_CHANGE,
        find: '  updateSuperblock(r);\n  startViewChangeTimer(r);\n}',
        replace: '  updateSuperblock(r);\n  startViewChangeTimer(r);\n  sendDoViewChange(r);\n}',
      },
      {
        file: VIEW_CHANGE,
        find: "import { voteToLeave } from './vote.ts';",
        replace:
          "import { sendDoViewChange } from './do-view-change.ts';\n" +
          "import { voteToLeave } from './vote.ts';",
      },
    ],
  },
  {
    name: 'suffix_kept_after_start_view',
    entry: 'M16',
    bug: 'ops above the head of a new view stay in the log',
    scenario: 'duelling_views',
    edits: [{ file: CHAIN, find: 'r.journal.truncate(log.op);', replace: '' }],
  },
  {
    name: 'parent_not_checked',
    entry: 'M19',
    bug: 'a prepare is appended whatever its parent',
    harmless:
      'a backup appends only the next op of the primary of its own view, whose log it installed: ' +
      'the parent always fits; the check is a second guard',
    edits: [
      {
        file: PREPARE,
        find: 'if (header.parent !== head.header.checksum) {',
        replace: 'if (header.parent === 0n) {',
      },
    ],
  },
];
