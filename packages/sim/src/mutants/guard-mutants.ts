import type { Mutant } from './mutant.ts';

const APPEND = 'vsr/src/replica/normal/append.ts';
const DO_VIEW_CHANGE = 'vsr/src/replica/view-change/do-view-change.ts';
const HEARTBEAT = 'vsr/src/replica/normal/heartbeat.ts';
const MESSAGE = 'vsr/src/message/message.ts';
const START_VIEW = 'vsr/src/replica/view-change/start-view.ts';

/**
 * What stands between a replica and a liar, each guard taken away: the scenario of the lie that it
 * is there for must then fail, or that scenario would prove nothing.
 */
export const GUARD_MUTANTS: readonly Mutant[] = [
  {
    name: 'heartbeat_beyond_its_head_believed',
    bug: 'the commit number of a heartbeat is believed though it lies above the head told with it',
    scenario: 'ByzantineInflatedCommit',
    edits: [
      {
        file: HEARTBEAT,
        find: 'if (header.commit > header.op) {',
        replace: 'if (header.commit < 0) {',
      },
    ],
  },
  {
    name: 'start_view_beyond_its_head_believed',
    bug: 'the commit number of a start_view is believed though it lies above the head of its log',
    scenario: 'ByzantineCommitDesync',
    edits: [
      {
        file: START_VIEW,
        find: 'if (header.commit > header.op || header.checkpointOp > header.commit)',
        replace: 'if (header.checkpointOp > header.commit)',
      },
    ],
  },
  {
    name: 'start_view_log_not_checked',
    bug: 'the headers of a start_view are taken, however many they are and whatever their places',
    scenario: 'ByzantineOversizedStartView',
    edits: [
      {
        file: START_VIEW,
        find: 'headers === null || !isLogOf(headers, header.op, r.config.pipelineMax)) {',
        replace: 'headers === null) {',
      },
    ],
  },
  {
    name: 'do_view_change_log_not_checked',
    bug: 'the headers of a do_view_change are taken, whatever their places',
    scenario: 'ByzantineDvcTailLengthMismatch',
    edits: [
      {
        file: DO_VIEW_CHANGE,
        find: '  if (!isLogOf(headers, header.op, r.config.pipelineMax)) return null;\n',
        replace: '',
      },
    ],
  },
  {
    name: 'contradicting_logs_counted',
    bug: 'two logs of one log_view that hold different prepares at one op both count',
    scenario: 'ByzantineViewChangeMerge',
    edits: [
      {
        file: DO_VIEW_CHANGE,
        find: 'if (known.replica === dvc.replica || !logsConflict(known, dvc)) continue;',
        replace: 'if (known.replica >= 0 || !logsConflict(known, dvc)) continue;',
      },
    ],
  },
  {
    name: 'header_checksum_not_checked',
    bug: 'a header is believed whatever its checksum',
    scenario: 'ByzantineCorruptChecksums',
    edits: [
      {
        file: MESSAGE,
        find: 'if (expected === 0n || expected !== checksum.hash(bytes.subarray(16, HEADER_SIZE))) {',
        replace: 'if (expected === 0n) {',
      },
    ],
  },
  {
    name: 'body_checksum_not_checked',
    bug: 'a body is believed whatever its checksum',
    scenario: 'ByzantineTamperedContent',
    edits: [
      {
        file: MESSAGE,
        find: "  if (bodyChecksum(body, checksum) !== header.checksumBody) return 'body_checksum';\n",
        replace: '',
      },
    ],
  },
  {
    name: 'prepare_by_parent_alone',
    bug: 'a prepare is appended by its parent, whatever its number',
    scenario: 'ByzantineInvalidMetadata',
    edits: [
      { file: APPEND, find: 'if (header.op > r.op + 1) {', replace: 'if (header.op < 0) {' },
      {
        file: APPEND,
        find: "assert(head !== null && header.op === r.op + 1, 'the head is known');",
        replace: "assert(head !== null, 'the head is known');",
      },
      {
        file: APPEND,
        find: "assert(header.op === r.op + 1, 'the log grows by one');",
        replace: '',
      },
    ],
  },
  {
    name: 'executed_without_asking',
    bug: 'what is committed is executed without asking the state machine whether it takes it',
    scenario: 'ByzantineInvalidKernelCommand',
    edits: [
      {
        file: 'vsr/src/replica/execution/execute.ts',
        find: 'return operation >= OPERATION_USER_MIN && isValidBody(r, { operation, body }, op);',
        replace: 'return operation >= OPERATION_USER_MIN;',
      },
    ],
  },
  {
    name: 'other_clusters_heard',
    bug: 'a message counts whatever cluster it is of',
    scenario: 'ByzantineForeignCluster',
    edits: [
      {
        file: 'vsr/src/replica/on-message.ts',
        find: 'if (header.cluster !== r.cluster) {',
        replace: 'if (header.cluster === 0n) {',
      },
    ],
  },
  {
    name: 'repair_range_not_checked',
    // There is nothing between the two, and nothing is sent: what is lost is that somebody says so.
    bug: 'headers from an op above to one below are looked for, and the lie has no name',
    scenario: 'ByzantineInvalidRepairRange',
    edits: [
      {
        file: 'vsr/src/replica/repair/serve.ts',
        find: 'if (header.opMin > header.opMax) {',
        replace: 'if (header.opMin < 0) {',
      },
    ],
  },
  {
    name: 'log_without_the_committed_led',
    bug: 'a new primary leads with a log that lacks an op of which it was told that it committed',
    scenario: 'ByzantineFalseAck',
    edits: [
      {
        file: DO_VIEW_CHANGE,
        find: 'if (selection.op < r.commitMax) {',
        replace: 'if (selection.op < 0) {',
      },
    ],
  },
  {
    name: 'files_not_told_apart',
    bug: 'who speaks in the name of a replica is taken for it, whatever file it speaks for',
    scenario: 'ByzantineForgedSender',
    edits: [
      {
        file: 'vsr/src/replica/members/introduce.ts',
        find: "if (known !== incarnation) return 'other_incarnation';",
        replace: '',
      },
    ],
  },
];
