import type { Mutant } from './mutant.ts';

const READ = 'vsr/src/replica/reads/read.ts';
const QUERY_BLOCKS = 'vsr/src/replica/reads/query-blocks.ts';
const TABLE_WALK = 'store/src/levels/table-walk.ts';
const ON_MESSAGE = 'vsr/src/replica/on-message.ts';
const READ_ROUND = 'vsr/src/replica/reads/read-round.ts';

/** Reads without a place in the log: what confirms them, and for how long. */
export const READ_MUTANTS: readonly Mutant[] = [
  {
    name: 'read_without_round',
    bug: 'a primary answers reads without asking whether its view is still everyone’s',
    scenario: 'stale_primary_reads',
    edits: [
      {
        file: READ_ROUND,
        find: 'return setCount(confirmedBy) >= r.quorums.replication;',
        replace: 'return setCount(confirmedBy) >= Math.min(1, r.quorums.replication);',
      },
    ],
  },
  {
    name: 'read_below_view_head',
    bug: 'a new primary answers reads before the log that it began with has committed',
    scenario: 'new_primary_reads',
    edits: [
      {
        file: READ_ROUND,
        find: 'index: opMax(r.commitMax, r.primary.viewHead),',
        replace: 'index: r.commitMax,',
      },
    ],
  },
  {
    name: 'read_index_below_the_known_believed',
    bug: 'a backup takes a read index below what it knew to be committed when it asked for one',
    scenario: 'ByzantineFalseReadIndex',
    edits: [
      {
        file: READ_ROUND,
        find: 'if (header.op < asking.least) {',
        replace: 'if (header.op < 0) {',
      },
    ],
  },
  {
    name: 'read_joins_sent_round',
    bug: 'a read counts the echoes of a round that was sent before it came',
    scenario: 'unaware_primaries',
    edits: [
      {
        file: READ,
        find: 'else if (!isCovered(r, query)) reads.arriving.push(query);',
        replace:
          'else if (!isCovered(r, query)) { const sent = reads.rounds.at(-1);' +
          ' if (sent === undefined) reads.arriving.push(query);' +
          ' else sent.queries = [...sent.queries, query]; }',
      },
    ],
  },
  {
    name: 'read_confirmed_by_whoever_hears',
    bug: 'a peer confirms a view that it has left, and its own view is not compared',
    scenario: 'unaware_primaries',
    edits: [
      {
        file: READ_ROUND,
        find: '  if (!isOfOwnPrimary(r, message)) return;\n',
        replace: '  void isOfOwnPrimary;\n',
      },
      {
        file: READ_ROUND,
        find: 'const { header } = message;\n' + '  if (!isPrimary(r) || header.view !== r.view) {',
        replace: 'const { header } = message;\n  if (!isPrimary(r)) {',
      },
    ],
  },
  {
    name: 'read_confirmed_by_heartbeats',
    bug: 'that a peer is heard at all confirms the rounds that are under way',
    scenario: 'unaware_primaries',
    edits: [
      {
        file: ON_MESSAGE,
        find: 'if (showsFollowing(r, header)) r.primary.heardInViewAt[header.replica] = r.tick;\n',
        replace:
          'if (showsFollowing(r, header)) r.primary.heardInViewAt[header.replica] = r.tick;\n' +
          "      if (header.command === 'ping' || header.command === 'pong') {\n" +
          '        confirmByAck(r, { slot: header.replica, op: opNext(r.op) });\n' +
          '      }\n',
      },
      {
        file: ON_MESSAGE,
        find: '  onConfirmView,\n  onReadIndex,',
        replace: '  confirmByAck,\n  onConfirmView,\n  onReadIndex,',
      },
      {
        file: ON_MESSAGE,
        find: "import type { Replica } from './replica.ts';",
        replace:
          "import type { Replica } from './replica.ts';\n" +
          "import { opNext } from '../std/numbers.ts';",
      },
    ],
  },
  {
    name: 'read_by_any_answer',
    bug: 'a backup takes an old answer of the primary for the one to its newest question',
    scenario: 'stale_primary_reads',
    edits: [
      {
        file: READ_ROUND,
        find: 'nonce: r.prng.u128() | 1n,',
        replace: 'nonce: 1n,',
      },
    ],
  },
  {
    name: 'bounded_without_second_check',
    bug: 'the age of a confirmation is not looked at again when the answer is given',
    scenario: 'new_primary_reads',
    edits: [
      {
        file: READ,
        find: "return query.level === 'bounded' && !isFresh(r, query, askedAt);",
        replace: "return query.level === 'bounded' && askedAt > r.monotonic;",
      },
    ],
  },
  {
    name: 'read_floor_ignored',
    bug: 'a client may be answered from before what it has seen',
    edits: [
      {
        file: READ_ROUND,
        find: 'const index = opMax(facts.index, query.message.header.floor);',
        replace: 'const index = query.level === null ? query.message.header.floor : facts.index;',
      },
    ],
  },
  {
    name: 'queries_hold_without_bound',
    bug: 'every query that waits for blocks keeps those that it has, however many wait',
    edits: [
      {
        file: QUERY_BLOCKS,
        find: '  if (!forest.claimsTooMuch || hold.privileged) return;\n',
        replace: '  if (!forest.claimsTooMuch || hold.size > 0) return;\n',
      },
    ],
  },
  {
    name: 'range_loses_its_continuation',
    bug: 'a range that has looked at as many keys as it may says that it came to its end',
    edits: [
      {
        file: TABLE_WALK,
        find: 'if (looked === walk.lookMax) return { rows, stoppedAt: key };',
        replace: 'if (looked === walk.lookMax) return { rows, stoppedAt: null };',
      },
    ],
  },
];
