import type { Mutant } from './mutant.ts';

const ABDICATE = 'vsr/src/replica/abdicate.ts';
const COMMIT_STALL = 'vsr/src/replica/commit-stall.ts';
const QUORUM = 'vsr/src/replica/quorum.ts';
const REPAIR_BUDGET = 'vsr/src/replica/repair-budget.ts';
const REQUEST = 'vsr/src/replica/request.ts';

/** What keeps a cluster going: giving way, budgets that are given back, refusals that are true. */
export const LIVENESS_MUTANTS: readonly Mutant[] = [
  {
    name: 'primary_never_gives_way',
    bug: 'a primary that cannot be heard of keeps its backups quiet for ever',
    edits: [
      {
        file: ABDICATE,
        find: 'if (reason !== null) abdicate(r, reason);',
        replace: 'if (reason !== null && r.tick < 0) abdicate(r, reason);',
      },
    ],
  },
  {
    name: 'repair_never_expires',
    bug: 'a repair request without an answer keeps its place in the budget',
    edits: [
      {
        file: REPAIR_BUDGET,
        find: 'if (tick - sentAt < expiry) continue;',
        replace: 'if (tick - sentAt < expiry || tick > 0) continue;',
      },
      {
        file: REPAIR_BUDGET,
        find: 'for (const peer of this.peers) peer.inFlight.clear();',
        replace: 'void this.peers;',
      },
    ],
  },
  {
    name: 'refused_and_passed_on',
    bug: 'without a quorum a request is refused, and passed on to the primary all the same',
    scenario: 'refused_requests',
    edits: [
      {
        file: REQUEST,
        find: "  refuse(r, message, 'noQuorum');\n}",
        replace: "  refuse(r, message, 'noQuorum');\n  if (isBackup(r)) forward(r, message);\n}",
      },
    ],
  },
  {
    name: 'stall_never_over',
    bug: 'a primary whose commits stood still once turns requests away for ever',
    edits: [{ file: COMMIT_STALL, find: 'r.primary.stalled = false;', replace: 'void r;' }],
  },
  {
    name: 'quorum_lost_for_ever',
    bug: 'a replica that lost its quorum once refuses requests for ever',
    edits: [
      {
        file: QUORUM,
        find: 'if (seen) r.quorumLostSince = null;',
        replace: 'if (seen && r.quorumLostSince === null) r.quorumLostSince = null;',
      },
      {
        file: QUORUM,
        find: 'return isLostAt(r, r.tick) && !seesQuorum(r);',
        replace: 'return isLostAt(r, r.tick);',
      },
    ],
  },
];
