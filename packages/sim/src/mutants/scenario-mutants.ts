import { MUTANTS } from './catalogue.ts';
import type { Mutant } from './mutant.ts';

/**
 * For each scenario of the predecessor's catalogue that is built, a planted bug of its kind that
 * makes it fail: a scenario that no bug can break proves nothing. docs/vopr.md has the table of
 * what catches each; `vopr mutants --by-scenario` plants them.
 */
export const SCENARIO_MUTANTS: Readonly<Record<string, string>> = {
  Baseline: 'reply_before_commit',
  SwizzleClogging: 'double_counted_votes',
  GrayFailures: 'primary_never_gives_way',
  MultiTenantIsolation: 'namespaces_share_their_keys',
  TimeCompression: 'timers_wear_out',
  Combined: 'rot_taken_for_torn',
  ByzantineViewChangeMerge: 'contradicting_logs_counted',
  ByzantineCommitDesync: 'start_view_beyond_its_head_believed',
  ByzantineInflatedCommit: 'heartbeat_beyond_its_head_believed',
  ByzantineInvalidMetadata: 'prepare_by_parent_alone',
  ByzantineMaliciousViewChange: 'do_view_change_log_not_checked',
  ByzantineLeaderRace: 'contradicting_logs_counted',
  ByzantineReplayOldView: 'stale_prepare_ok_counted',
  ByzantineCorruptChecksums: 'header_checksum_not_checked',
  ByzantineViewChangeBlocking: 'votes_kept_across_views',
  ByzantinePrepareFlood: 'double_counted_votes',
  ByzantineSelectiveSilence: 'one_vote_moves_the_view',
  ByzantineDvcTailLengthMismatch: 'do_view_change_log_not_checked',
  ByzantineDvcIdenticalClaims: 'missing_bodies_left_out',
  ByzantineOversizedStartView: 'start_view_log_not_checked',
  ByzantineInvalidRepairRange: 'repair_range_not_checked',
  ByzantineInvalidKernelCommand: 'executed_without_asking',
  CorruptionBitFlip: 'blocks_not_verified',
  CorruptionChecksumValidation: 'header_checksum_not_checked',
  CorruptionSilentDiskFailure: 'header_of_another_slot_believed',
  CorruptionTornWrite: 'ack_before_flush',
  CrashDuringCommit: 'sessions_left_out_of_a_restore',
  CrashDuringViewChange: 'log_view_forgotten_at_restart',
  RecoveryCorruptLog: 'rotten_bodies_left',
  GrayFailureSlowDisk: 'write_dropped_when_busy',
  GrayFailureIntermittentNetwork: 'repair_never_expires',
  RaceConcurrentViewChanges: 'votes_kept_across_views',
  RaceCommitDuringDvc: 'commit_number_of_another_view_believed',
  ClockDrift: 'timestamps_only_counted',
  ClockOffsetExceeded: 'timestamps_of_the_own_clock',
  ClockNtpFailure: 'timestamps_only_counted',
  ClockBackwardJump: 'timestamps_of_the_own_clock',
  ClientSessionCrash: 'any_reply_of_the_session',
  ClientSessionViewChangeLockout: 'client_table_at_prepare',
  ClientSessionEviction: 'oldest_registration_evicted',
  RepairBudgetPreventsStorm: 'repair_without_limit',
  RepairEwmaSelection: 'slow_peers_asked_alike',
  RepairSyncTimeout: 'unproven_checkpoint_given',
  PrimaryAbdicatePartition: 'primary_never_gives_way',
  CommitStallDetection: 'stall_never_over',
  PingHeartbeat: 'heartbeats_only_with_news',
  CommitMessageFallback: 'prepare_taken_for_its_commit',
  StartViewChangeWindow: 'one_vote_moves_the_view',
  TimeoutComprehensive: 'repair_never_expires',
  ScrubDetectsCorruption: 'scrubber_skips_blocks',
  ScrubCompletesTour: 'scrub_stays_at_the_last_block',
  ScrubRateLimited: 'scrub_share_ignored',
  ScrubTriggersRepair: 'scrub_finding_is_absent',
};

/** The scenario's own planted bug, to be run in it; null for one that has none. */
export function mutantOfScenario(scenario: string): Mutant | null {
  const planted = SCENARIO_MUTANTS[scenario];
  if (planted === undefined) return null;
  const mutant = MUTANTS.find(({ name }) => name === planted);
  if (mutant === undefined) throw new Error(`there is no mutant '${planted}'`);
  return { ...mutant, scenario };
}
