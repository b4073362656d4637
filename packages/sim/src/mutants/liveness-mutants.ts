import type { Mutant } from './mutant.ts';

const ABDICATE = 'vsr/src/replica/liveness/abdicate.ts';
const COMMIT_STALL = 'vsr/src/replica/liveness/commit-stall.ts';
const QUORUM = 'vsr/src/replica/liveness/quorum.ts';
const REPAIR_BUDGET = 'vsr/src/replica/repair/repair-budget.ts';
const REQUEST = 'vsr/src/replica/normal/request.ts';
const JOURNAL = 'vsr/src/journal/journal.ts';
const VIEW_CHANGE_PACE = 'vsr/src/replica/view-change/view-change-pace.ts';

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
    name: 'slow_peers_asked_alike',
    bug: 'whom to ask for a repair is drawn, however slow the peer was',
    scenario: 'RepairEwmaSelection',
    edits: [
      {
        file: REPAIR_BUDGET,
        find: 'available.filter((peer) => peer.all.latency === fastest)',
        replace: 'available.filter((peer) => peer.all.latency >= fastest)',
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
    scenario: 'full_disks',
    edits: [{ file: COMMIT_STALL, find: 'r.primary.commitStalled = false;', replace: 'void r;' }],
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
  {
    name: 'repair_without_limit',
    bug: 'a peer is asked for everything at once',
    edits: [
      {
        file: REPAIR_BUDGET,
        find: 'return Math.max(0, peer.places - peer.inFlight.size);',
        replace: 'return Math.max(1, peer.places - peer.inFlight.size);',
      },
      {
        file: REPAIR_BUDGET,
        find: "    assert(peer.inFlight.size < MAX_INFLIGHT_PER_REPLICA, 'never above the limit');\n",
        replace: '',
      },
    ],
  },
  {
    name: 'write_dropped_when_busy',
    bug: 'a prepare that comes while as many are written as may be is never tried again',
    edits: [
      {
        file: JOURNAL,
        find: '    this.queue.push(message);\n    this.pump();',
        replace:
          '    if (this.writesInFlight < this.writesMax) this.queue.push(message);\n' +
          '    this.pump();',
      },
      {
        file: 'vsr/src/replica/repair/repair.ts',
        find: '  if (body === null) return true;\n  r.journal.write(body);\n  return false;',
        replace: '  return body === null;',
      },
    ],
  },
  {
    name: 'back_off_of_nothing',
    bug: 'the time of a view change doubles from nothing: it is over as soon as it begins',
    edits: [
      {
        file: VIEW_CHANGE_PACE,
        find: 'const doublings = Math.max(0, r.viewChange.attempts - 1);\n  return Math.min(2 ** doublings, ',
        replace:
          'const doublings = Math.max(0, r.viewChange.attempts - 1);\n  return Math.min(0 * 2 ** doublings, ',
      },
    ],
  },
  {
    name: 'hung_disk_unnoticed',
    bug: 'a primary whose disk hangs goes on with its heartbeats, and leads',
    scenario: 'hung_disks',
    edits: [
      {
        file: ABDICATE,
        find: "  if (isDiskStalled(r)) return 'disk_stall';\n  if (holdsUpRequests(r)) return 'slow_disk';\n",
        replace: '  void isDiskStalled;\n  void holdsUpRequests;\n',
      },
    ],
  },
  {
    name: 'full_disks_taken_for_hung',
    bug: 'a primary gives way for a full disk, where all others have no room either',
    scenario: 'full_disks',
    edits: [
      {
        file: ABDICATE,
        find: 'return peersWithCheckpoint(r, checkpointing.record.op) < r.quorums.replication;',
        replace: 'return peersWithCheckpoint(r, checkpointing.record.op) < 0;',
      },
    ],
  },
  {
    name: 'full_disk_leads_on',
    bug: 'a primary whose disk alone is full takes all others for full, and leads',
    scenario: 'lone_full_disks',
    edits: [
      {
        file: ABDICATE,
        find: 'return peersWithCheckpoint(r, checkpointing.record.op) < r.quorums.replication;',
        replace: 'return peersWithCheckpoint(r, checkpointing.record.op) >= 0;',
      },
      {
        file: ABDICATE,
        find: "  if (holdsUpRequests(r)) return 'slow_disk';\n",
        replace: '  void holdsUpRequests;\n',
      },
    ],
  },
  {
    name: 'stuck_primary_leads_on',
    bug: 'a primary that waits for a repair that does not come goes on with its heartbeats, and leads',
    scenario: 'stuck_primaries',
    edits: [
      {
        file: ABDICATE,
        find: 'if (r.stuckSince !== null && r.tick - r.stuckSince > limit) {',
        replace: 'if (r.stuckSince !== null && r.tick - r.stuckSince > limit && r.tick < 0) {',
      },
    ],
  },
  {
    name: 'timers_wear_out',
    bug: 'how often a timer fired is kept in one byte: after 255 times it is taken for off',
    scenario: 'TimeCompression',
    edits: [
      {
        file: 'vsr/src/replica/timers.ts',
        find: '    return fired;',
        replace: '    return fired.filter((name) => this.counts[name] < 256);',
      },
    ],
  },
  {
    name: 'heartbeats_only_with_news',
    bug: 'a primary with nothing under way sends no heartbeats',
    scenario: 'PingHeartbeat',
    edits: [
      {
        file: 'vsr/src/replica/normal/heartbeat.ts',
        find: "  r.timers.start('heartbeat');\n  r.timers.stop('commitMessage');",
        replace:
          "  r.timers.start('heartbeat');\n" +
          '  if (r.primary.pipeline.length === 0) return;\n' +
          "  r.timers.stop('commitMessage');",
      },
    ],
  },
  {
    name: 'view_change_never_longer',
    bug: 'a view change lasts no longer, however many before it came to nothing',
    scenario: 'slow_networks',
    edits: [
      {
        file: VIEW_CHANGE_PACE,
        find: 'return Math.min(2 ** doublings, ',
        replace: 'return Math.min(1 + 0 * doublings, ',
      },
    ],
  },
];
