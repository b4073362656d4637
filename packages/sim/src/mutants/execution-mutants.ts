import type { Mutant } from './mutant.ts';

const COMMIT = 'vsr/src/replica/normal/commit.ts';
const EXECUTE = 'vsr/src/replica/execution/execute.ts';
const PREPARE = 'vsr/src/replica/normal/prepare.ts';
const DO_VIEW_CHANGE = 'vsr/src/replica/view-change/do-view-change.ts';
const PRIMARY_START = 'vsr/src/replica/view-change/primary-start.ts';
const LEVELED_TABLE = 'store/src/levels/leveled-table.ts';
const CLUSTER_CLOCK = 'vsr/src/clock/cluster-clock.ts';

/** Commit and execution: what is executed, when, and from which inputs. */
export const EXECUTION_MUTANTS: readonly Mutant[] = [
  {
    name: 'reply_before_commit',
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
  {
    name: 'execution_reads_a_local_clock',
    bug: 'execution sees the wall clock of its replica',
    edits: [
      {
        file: EXECUTE,
        find: '        timestamp: header.timestamp + index,\n',
        replace: '        timestamp: r.wall,\n',
      },
    ],
  },
  {
    name: 'execution_draws_local_random',
    bug: 'requests of one op execute in an order that each replica draws',
    edits: [
      {
        file: 'vsr/src/replica/normal/commit.ts',
        find: '  r.executing = beginExecution(r, message);\n',
        replace:
          '  const begun = beginExecution(r, message);\n' +
          '  r.executing = { ...begun, entries: r.prng.shuffle([...begun.entries]) };\n',
      },
    ],
  },
  {
    name: 'timestamps_of_the_own_clock',
    bug: 'a primary stamps ops with its clock, even one that went back',
    edits: [
      {
        file: PREPARE,
        find: 'Math.max(primary.timestampNext, r.clock.now(r.monotonic, r.wall))',
        replace: 'r.clock.now(r.monotonic, r.wall)',
      },
    ],
  },
  {
    name: 'timestamps_begin_anew_with_a_view',
    bug: 'a new primary does not look at the timestamps of the log it took over',
    edits: [
      {
        file: DO_VIEW_CHANGE,
        find: '  r.primary.timestampNext = Math.max(selection.timestampFloor, r.checkpoint.timestampNext);\n',
        replace: '',
      },
      {
        file: PRIMARY_START,
        find:
          '  if (head !== null) {\n' +
          '    primary.timestampNext = Math.max(\n' +
          '      primary.timestampNext,\n' +
          '      head.header.timestamp + head.header.count,\n' +
          '    );\n' +
          '  }\n',
        replace: '  primary.timestampNext = head === null ? 0 : 1;\n',
      },
    ],
  },
  {
    name: 'commit_skips_an_op',
    bug: 'an op whose body has to be read is passed over',
    edits: [
      {
        file: COMMIT,
        find:
          '    if (message === null) {\n' +
          '      readForCommit(r, op);\n' +
          '      return;\n' +
          '    }',
        replace:
          '    if (message === null) {\n' +
          '      readForCommit(r, op);\n' +
          '      r.commitMin = op;\n' +
          '      r.commitChecksum = r.journal.header(op)?.header.checksum ?? r.commitChecksum;\n' +
          '      return;\n' +
          '    }',
      },
    ],
  },
  {
    name: 'timestamps_only_counted',
    bug: 'a primary counts timestamps on from those before, and looks at no clock',
    scenario: 'ClockDrift',
    edits: [
      {
        file: PREPARE,
        find: 'Math.max(primary.timestampNext, r.clock.now(r.monotonic, r.wall))',
        replace: 'Math.max(primary.timestampNext, 1)',
      },
    ],
  },
  {
    name: 'clock_agreement_ignored',
    bug: 'a primary stamps ops with its own clock, whatever the others agree upon',
    scenario: 'outvoted_clock',
    edits: [
      {
        file: CLUSTER_CLOCK,
        find: 'if (this.agreed === null) return wall;',
        replace: 'if (this.majority > 0) return wall;',
      },
    ],
  },
  {
    name: 'clock_agrees_with_itself',
    bug: 'one clock is agreement enough',
    scenario: 'outvoted_clock',
    edits: [
      {
        file: CLUSTER_CLOCK,
        find: 'const agreement = marzullo(intervals);',
        replace: 'const agreement = marzullo(intervals.slice(0, 1));',
      },
      {
        file: CLUSTER_CLOCK,
        find: 'agreement.sources >= this.majority;',
        replace: 'agreement.sources >= 1;',
      },
    ],
  },
  {
    name: 'namespaces_share_their_keys',
    bug: 'of a namespace only the length stands in the keys of its tables',
    scenario: 'MultiTenantIsolation',
    edits: [
      {
        file: 'kernel/src/tables.ts',
        find: '    row.set(namespace, 1);\n    row.set(key, start);\n',
        replace: '    row.set(key, start);\n',
      },
      {
        file: 'kernel/src/tables.ts',
        find: '  for (let at = 0; at < namespace.length; at += 1) row[1 + at] = ',
        replace: '  for (let at = 0; at < 0; at += 1) row[1 + at] = ',
      },
    ],
  },
  {
    name: 'prepare_taken_for_its_commit',
    bug: 'a backup takes a prepare for the news that it is committed',
    scenario: 'CommitMessageFallback',
    edits: [
      {
        file: 'vsr/src/replica/normal/append.ts',
        find: 'r.commitMax = opMax(r.commitMax, header.commit);',
        replace: 'r.commitMax = opMax(r.commitMax, header.op);',
      },
    ],
  },
  {
    name: 'range_ends_where_its_tables_say',
    bug: 'a range of an op ends by what is deleted here, while others have a checkpoint without it',
    scenario: 'late_checkpoints',
    edits: [
      {
        file: LEVELED_TABLE,
        find: '!this.settled && looked + options.added >= walk.lookMax',
        replace: '!this.settled && looked < 0',
      },
    ],
  },
];
