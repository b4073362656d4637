import type { Mutant } from './mutant.ts';

const APPEND = 'vsr/src/replica/normal/append.ts';
const CHAIN = 'vsr/src/replica/view-change/chain.ts';
const DO_VIEW_CHANGE = 'vsr/src/replica/view-change/do-view-change.ts';
const SEND = 'vsr/src/replica/send.ts';
const VIEW_CHANGE = 'vsr/src/replica/view-change/view-change.ts';
const STARTUP = 'vsr/src/replica/startup.ts';
const PRIMARY_START = 'vsr/src/replica/view-change/primary-start.ts';
const FOLLOW_VIEW = 'vsr/src/replica/view-change/follow-view.ts';
const START_VIEW = 'vsr/src/replica/view-change/start-view.ts';
const HEARTBEAT = 'vsr/src/replica/normal/heartbeat.ts';
const STATUS = 'vsr/src/replica/status.ts';

/** View changes: what is durable, what is shown, and what becomes of the old log. */
export const VIEW_CHANGE_MUTANTS: readonly Mutant[] = [
  {
    name: 'do_view_change_before_view',
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
    bug: 'ops above the head of a new view stay in the log',
    scenario: 'last_copies',
    edits: [{ file: CHAIN, find: 'r.journal.truncate(log.op);', replace: '' }],
  },
  {
    name: 'parent_not_checked',
    bug: 'a prepare is appended whatever its parent',
    harmless:
      'a backup appends only the next op of the primary of its own view, whose log it installed: ' +
      'the parent always fits; the check is a second guard',
    edits: [
      {
        file: APPEND,
        find: 'if (header.parent !== head.header.checksum) {',
        replace: 'if (header.parent === 0n) {',
      },
    ],
  },
  {
    name: 'log_view_forgotten_at_restart',
    bug: 'a restart takes log_view for zero',
    edits: [
      {
        file: STARTUP,
        find: 'r.logView = state.logView;',
        replace: 'r.logView = 0 as typeof r.logView;',
      },
    ],
  },
  {
    name: 'primary_before_log_view',
    bug: 'a new primary serves before its log_view is durable',
    edits: [
      {
        file: PRIMARY_START,
        find: 'if (!r.viewChange.repairing || r.superblock.durable.logView !== r.view) return;',
        replace: 'if (!r.viewChange.repairing) return;',
      },
      {
        file: SEND,
        find:
          '    default:\n' + "      return durable.view < header.view ? 'view_not_durable' : null;",
        replace: '    default:\n' + '      return null;',
      },
      { file: FOLLOW_VIEW, find: '  r.journal.pause();\n', replace: '' },
    ],
  },
  {
    name: 'view_joined_by_prepare',
    bug: 'a prepare of a later view is enough to join that view',
    scenario: 'duelling_views',
    edits: [
      {
        file: APPEND,
        find:
          '    askForView(r, header.view);\n' +
          '    return;\n' +
          '  }\n' +
          '  if (header.view < r.view ||',
        replace:
          "    if (r.status !== 'normal') return;\n" +
          '    r.view = header.view;\n' +
          '    r.logView = header.view;\n' +
          '    r.viewChange.headers = logSuffix(r);\n' +
          '    updateSuperblock(r);\n' +
          '    return;\n' +
          '  }\n' +
          '  if (header.view < r.view ||',
      },
      {
        file: APPEND,
        find: "import { askForView } from '../view-change/ask-view.ts';\n",
        replace:
          "import { logSuffix } from '../view-change/chain.ts';\n" +
          "import { updateSuperblock } from '../checkpoint/superblock-update.ts';\n",
      },
    ],
  },
  {
    name: 'commit_number_of_another_view_believed',
    bug: 'the commit number of a heartbeat is believed whatever its view',
    scenario: 'duelling_views',
    edits: [
      {
        file: HEARTBEAT,
        find: '  if (!isOfOwnPrimary(r, message)) return;\n',
        replace:
          '  if (header.view > r.view) r.commitMax = opMax(r.commitMax, header.commit);\n' +
          '  if (!isOfOwnPrimary(r, message)) return;\n',
      },
    ],
  },
  {
    name: 'reply_before_log_view',
    bug: 'a client is shown a view before its log is durable',
    scenario: 'duelling_views',
    edits: [
      {
        file: SEND,
        find: "    case 'reply':\n" + "    case 'eviction':\n" + '      return durable.logView',
        replace: "    case 'eviction':\n" + '      return durable.logView',
      },
      {
        file: SEND,
        find: "    case 'refusal':\n",
        replace: "    case 'refusal':\n" + "    case 'reply':\n",
      },
    ],
  },
  {
    name: 'one_vote_moves_the_view',
    bug: 'a single vote to leave the view is enough',
    edits: [
      {
        file: VIEW_CHANGE,
        find: 'if (setCount(r.viewChange.votes) < r.quorums.viewChange) return;',
        replace: 'if (setCount(r.viewChange.votes) < 1) return;',
      },
    ],
  },
  {
    name: 'votes_kept_across_views',
    bug: 'votes to leave a view count in the next one too',
    edits: [{ file: STATUS, find: '  viewChange.votes = 0;\n', replace: '' }],
  },
  {
    name: 'restarted_primary_leads_on',
    bug: 'a primary that restarts goes on in its view',
    edits: [
      {
        file: STARTUP,
        find:
          "    transitionToStatus(r, 'view_change');\n" +
          "    voteToLeave(r, 'restarted_primary');\n" +
          "    r.timers.start('viewChange');",
        replace:
          "    transitionToStatus(r, 'normal');\n" +
          "    r.timers.start('heartbeat');\n" +
          '    void voteToLeave;',
      },
    ],
  },
  {
    name: 'uncertain_head_votes',
    bug: 'a replica that doubts its head takes part in view changes',
    scenario: 'doubted_heads',
    edits: [
      {
        file: VIEW_CHANGE,
        find:
          "if (r.status !== 'normal' && r.status !== 'view_change') return;\n" +
          '  if (header.view > r.view)',
        replace: "if (r.status === 'recovering') return;\n" + '  if (header.view > r.view)',
      },
      {
        file: VIEW_CHANGE,
        find: "  assert(r.status === 'normal' || r.status === 'view_change', 'a replica with a certain log');\n",
        replace: '',
      },
    ],
  },
  {
    name: 'old_start_view_for_an_uncertain_head',
    bug: 'any start_view of its view ends the doubt about a head',
    scenario: 'doubted_heads',
    edits: [
      {
        file: START_VIEW,
        find: "return fresh || !own ? null : 'not_fresh';",
        replace: "return fresh || !own || r.tick >= 0 ? null : 'not_fresh';",
      },
    ],
  },
  {
    name: 'whoever_has_a_quorum_leads',
    bug: 'do_view_change goes to everyone, and who has a quorum of them begins the view',
    edits: [
      {
        file: DO_VIEW_CHANGE,
        find:
          '    contradictsAnother(r, dvc);\n' +
          '    collectDvc(r, dvc);\n' +
          '    return;\n' +
          '  }',
        replace: '  }\n  contradictsAnother(r, dvc);\n  collectDvc(r, dvc);',
      },
      {
        file: DO_VIEW_CHANGE,
        find: "send(r, primarySlot(r.view), 'doViewChange',",
        replace: "broadcast(r, 'doViewChange',",
      },
      {
        file: DO_VIEW_CHANGE,
        find: "import { send } from '../send.ts';",
        replace: "import { broadcast } from '../send.ts';",
      },
      {
        file: DO_VIEW_CHANGE,
        find: 'if (header.view < r.view || primarySlot(header.view) !== r.slot) {',
        replace: 'if (header.view < r.view) {',
      },
    ],
  },
  {
    name: 'commit_number_of_the_last_heartbeat',
    bug: 'the commit number of a heartbeat takes the place of a higher one that a prepare told',
    edits: [
      {
        file: HEARTBEAT,
        find: '  r.commitMax = opMax(r.commitMax, header.commit);\n  if (header.op > r.op',
        replace: '  r.commitMax = opMax(r.commitMin, header.commit);\n  if (header.op > r.op',
      },
    ],
  },
  {
    name: 'missing_bodies_left_out',
    bug: 'a new primary begins without the ops of its log whose bodies it has not got',
    scenario: 'ByzantineDvcIdenticalClaims',
    edits: [
      {
        file: PRIMARY_START,
        find: '    if (!r.journal.isDurable(op)) return;\n',
        replace: '    if (!r.journal.isDurable(op)) continue;\n',
      },
      {
        file: PRIMARY_START,
        find: '  if (pipeline.length < r.op - r.commitMax) return;\n',
        replace: '',
      },
    ],
  },
];
