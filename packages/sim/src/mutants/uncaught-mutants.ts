import type { Mutant } from './mutant.ts';

const VIEW_CHANGE_PACE = 'vsr/src/replica/view-change/view-change-pace.ts';
const READ_ROUND = 'vsr/src/replica/reads/read-round.ts';
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
  {
    name: 'read_confirmed_by_whoever_hears',
    bug: 'a peer confirms a view that it has left, and its own view is not compared',
    scenario: 'stale_primary_reads',
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
    scenario: 'stale_primary_reads',
    edits: [
      {
        file: 'vsr/src/replica/on-message.ts',
        find: 'if (showsFollowing(r, header)) r.primary.heardInViewAt[header.replica] = r.tick;\n',
        replace:
          'if (showsFollowing(r, header)) r.primary.heardInViewAt[header.replica] = r.tick;\n' +
          "      if (header.command === 'ping' || header.command === 'pong') {\n" +
          '        confirmByAck(r, { slot: header.replica, op: opNext(r.op) });\n' +
          '      }\n',
      },
      {
        file: 'vsr/src/replica/on-message.ts',
        find: '  onConfirmView,\n  onReadIndex,',
        replace: '  confirmByAck,\n  onConfirmView,\n  onReadIndex,',
      },
      {
        file: 'vsr/src/replica/on-message.ts',
        find: "import type { Replica } from './replica.ts';",
        replace:
          "import type { Replica } from './replica.ts';\n" +
          "import { opNext } from '../std/numbers.ts';",
      },
    ],
  },
  {
    name: 'view_change_never_longer',
    bug: 'a view change lasts no longer, however many before it came to nothing',
    edits: [
      {
        file: VIEW_CHANGE_PACE,
        find: 'return Math.min(2 ** doublings, ',
        replace: 'return Math.min(1 + 0 * doublings, ',
      },
    ],
  },
];
