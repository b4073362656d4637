import type { TimeoutName } from '@kimberlite/vsr';

/**
 * For each timeout a scenario in which it ends, which scenarios.test.ts watches. How often the
 * scrubber reads is no end of anything: its scenario counts the reads.
 */
export const TIMEOUT_SCENARIOS: Readonly<Record<TimeoutName, string>> = {
  heartbeat: 'PingHeartbeat',
  commitMessage: 'PingHeartbeat',
  prepare: 'CommitStallDetection',
  prepareLarge: 'transfer_under_load',
  commitStall: 'CommitStallDetection',
  voterLag: 'RepairBudgetPreventsStorm',
  abdicate: 'PrimaryAbdicatePartition',
  clockSync: 'ClockNtpFailure',
  clockLoss: 'clock_lost_primary',
  silence: 'StartViewChangeWindow',
  startViewChange: 'StartViewChangeWindow',
  startViewChangeWindow: 'StartViewChangeWindow',
  doViewChange: 'stale_primary_reads',
  viewChange: 'stale_primary_reads',
  requestStartView: 'PrimaryAbdicatePartition',
  ping: 'PingHeartbeat',
  repair: 'RepairBudgetPreventsStorm',
  repairExpiry: 'RepairBudgetPreventsStorm',
  syncExpiry: 'RepairSyncTimeout',
  read: 'stale_primary_reads',
  scrub: 'ScrubRateLimited',
  repairSync: 'RepairSyncTimeout',
  quorumLoss: 'refused_requests',
};
