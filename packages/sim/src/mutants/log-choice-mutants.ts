import type { Mutant } from './mutant.ts';

const DO_VIEW_CHANGE = 'vsr/src/replica/view-change/do-view-change.ts';
const JOURNAL = 'vsr/src/journal/journal.ts';
const SELECT_LOG = 'vsr/src/replica/view-change/select-log.ts';

/** The log of a new view: which one is chosen, and what may be dropped from it. */
export const LOG_CHOICE_MUTANTS: readonly Mutant[] = [
  {
    name: 'view_change_quorum_less_one',
    bug: 'a log is chosen from one do_view_change too few',
    edits: [
      {
        file: SELECT_LOG,
        find: 'dvcs.length < quorums.viewChange',
        replace: 'dvcs.length < quorums.viewChange - 1',
      },
    ],
  },
  {
    name: 'log_chosen_by_op_only',
    bug: 'the longest log wins, whatever its log_view',
    scenario: 'duelling_views',
    edits: [
      {
        file: SELECT_LOG,
        find: 'dvcs.filter((dvc) => dvc.logView === logViewMax)',
        replace:
          'dvcs.filter((one) => one.op === Math.max(...dvcs.map(({ op }) => op))).slice(0, 1)',
      },
    ],
  },
  {
    name: 'nack_quorum_less_one',
    bug: 'an op is dropped with one proof of absence too few',
    edits: [{ file: SELECT_LOG, find: '>= quorums.nack)', replace: '>= quorums.nack - 1)' }],
  },
  {
    name: 'checksum_failure_as_nack',
    bug: 'an unreadable slot is taken for one that never held the op',
    scenario: 'rotten_heads',
    edits: [
      {
        file: JOURNAL,
        find: 'if (this.faulty[slot] === 1) return false;',
        replace: 'if (this.faulty[slot] === 1) return true;',
      },
      {
        file: DO_VIEW_CHANGE,
        find: ': !r.journal.isFaulty(at);',
        replace: ': true;',
      },
    ],
  },
  {
    name: 'committed_op_dropped',
    bug: 'denials reach ops that are known to be committed',
    scenario: 'storage_faults',
    harmless:
      'true copies of a committed op are a replication quorum, and none of them ever denies it: fewer than a nack quorum remain',
    edits: [
      {
        file: SELECT_LOG,
        find: 'for (let candidate = commitMax + 1;',
        replace: 'for (let candidate = Math.max(1, commitMax);',
      },
    ],
  },
  {
    name: 'one_log_counted_twice',
    bug: 'a do_view_change that comes again counts as another one',
    scenario: 'duelling_views',
    edits: [
      {
        file: DO_VIEW_CHANGE,
        find: 'dvcs.set(dvc.replica, dvc);',
        replace: 'dvcs.set(dvcs.has(dvc.replica) ? dvc.replica + 8 : dvc.replica, dvc);',
      },
    ],
  },
  {
    name: 'denial_of_the_executed',
    bug: 'what was executed is denied when its slot is lost',
    scenario: 'storage_faults',
    harmless:
      'a log is chosen from the ops above the highest that any author of its do_view_changes has executed: nobody asks below',
    edits: [{ file: DO_VIEW_CHANGE, find: '    if (at <= r.commitMin) return;\n', replace: '' }],
  },
  {
    name: 'log_of_the_first_answer',
    bug: 'the canonical log is the one that came first',
    scenario: 'duelling_views',
    edits: [
      {
        file: SELECT_LOG,
        find: 'dvcs.filter((dvc) => dvc.logView === logViewMax)',
        replace: 'dvcs.slice(0, 1)',
      },
    ],
  },
  {
    name: 'never_dropped',
    bug: 'no op is ever given up, whatever proves that it never committed',
    scenario: 'last_copies',
    edits: [{ file: SELECT_LOG, find: '>= quorums.nack)', replace: '>= quorums.nack + 16)' }],
  },
  {
    name: 'view_waits_for_every_log',
    bug: 'a view begins only when every replica has sent its log',
    edits: [
      {
        file: SELECT_LOG,
        find: 'dvcs.length < quorums.viewChange)',
        replace: 'dvcs.length < quorums.viewChange + quorums.replication - 1)',
      },
    ],
  },
];
