import type { Mutant } from './mutant.ts';

const CHECKPOINT = 'vsr/src/replica/checkpoint.ts';
const EXECUTE = 'vsr/src/replica/execute.ts';
const JOURNAL = 'vsr/src/journal/journal.ts';
const RECOVER = 'vsr/src/journal/recover.ts';
const REPAIR = 'vsr/src/replica/repair.ts';
const SELECT_LOG = 'vsr/src/replica/select-log.ts';
const STARTUP = 'vsr/src/replica/startup.ts';
const START_VIEW = 'vsr/src/replica/start-view.ts';
const VIEW_CHANGE = 'vsr/src/replica/view-change.ts';

/**
 * Planted bugs that no run has caught yet: each is a gap in the simulator, with what it takes in
 * docs/vopr.md. They are planted by name only, so that a build tells new gaps from these.
 */
export const UNCAUGHT_MUTANTS: readonly Mutant[] = [
  {
    name: 'old_start_view_for_an_uncertain_head',
    bug: 'any start_view of its view ends the doubt about a head',
    scenario: 'rotten_heads',
    edits: [
      {
        file: START_VIEW,
        find: "return fresh || !own ? null : 'not_fresh';",
        replace: "return fresh || !own || r.tick >= 0 ? null : 'not_fresh';",
      },
    ],
  },
  {
    name: 'uncertain_head_votes',
    bug: 'a replica that doubts its head takes part in view changes',
    scenario: 'rotten_heads',
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
    name: 'uncertain_head_believed',
    bug: 'a head that corruption may hide is taken for certain',
    scenario: 'rotten_heads',
    edits: [
      {
        file: STARTUP,
        find: '} else if (!r.headCertain) {',
        replace: '} else if (!r.headCertain && r.tick < 0) {',
      },
    ],
  },
  {
    name: 'head_always_certain',
    bug: 'unknown slots above the head do not make it uncertain',
    scenario: 'rotten_heads',
    edits: [
      {
        file: RECOVER,
        find: '    return distance > reach || distance === 0;',
        replace: '    return distance > reach || distance === 0 || facts.walSlots > 0;',
      },
    ],
  },
  {
    name: 'repair_by_number',
    bug: 'a repair takes any prepare of the right number',
    scenario: 'duelling_views',
    edits: [
      {
        file: REPAIR,
        find: 'if (op > r.op || !decided || !r.journal.has(op, checksum)) {',
        replace: 'if (op > r.op || !decided || r.journal.header(op) === null) {',
      },
      {
        file: JOURNAL,
        find:
          '    assert(this.has(op, checksum), ' +
          "'the header was decided before the body is written');\n" +
          "    assert(!this.isDurable(op), 'only what is missing is written');",
        replace:
          '    if (!this.has(op, checksum)) this.setHeader({ header: message.header, bytes: message.bytes.slice(0, HEADER_SIZE) });',
      },
    ],
  },
  {
    name: 'head_not_in_the_superblock',
    bug: 'a checkpoint is made durable with the view headers of long ago',
    scenario: 'rotten_heads',
    edits: [
      {
        file: CHECKPOINT,
        find: "  if (r.status === 'normal') r.viewChange.headers = logSuffix(r);\n",
        replace: '  void logSuffix;\n',
      },
    ],
  },
  {
    name: 'duplicate_executed_again',
    entry: 'M35',
    bug: 'a request that comes again executes again',
    edits: [
      {
        file: EXECUTE,
        find: "return entry.requestChecksum === session.requestChecksum ? 'duplicate' : 'collision';",
        replace: "return 'executed';",
      },
    ],
  },
  {
    name: 'never_dropped',
    entry: 'M14',
    bug: 'no op is ever given up, whatever proves that it never committed',
    scenario: 'late_acknowledgements',
    edits: [{ file: SELECT_LOG, find: '>= quorums.nack)', replace: '>= quorums.nack + 16)' }],
  },
  {
    name: 'replaced_file_still_counted',
    bug: 'a lost file that comes back commits the very op that replaces it, and what follows',
    edits: [
      {
        file: 'vsr/src/replica/replacement.ts',
        find: 'return replacedAt !== undefined && replacedAt <= op && replacedAt > r.commitMin;',
        replace: 'return replacedAt !== undefined && replacedAt < 0;',
      },
    ],
    scenario: 'lost_disk',
  },
  {
    name: 'recovered_file_counts_at_once',
    bug: 'a new file takes part before the others know that it took the place of a lost one',
    edits: [
      {
        file: 'vsr/src/superblock/introductions.ts',
        find: 'return known >= (recovered ? replication : setCount(others));',
        replace: 'return known >= (recovered && replication > 0 ? 0 : setCount(others));',
      },
    ],
    scenario: 'lost_disk',
  },
  {
    name: 'recovery_not_loaded',
    bug: 'a replica that fetched a checkpoint does not learn of the files that it names',
    edits: [{ file: 'vsr/src/replica/restore.ts', find: '  adoptFiles(r);\n', replace: '' }],
    scenario: 'lost_disk',
  },
];
