import { describe, expect, it } from 'vitest';
import { SCENARIOS, scenarioNamed } from './registry.ts';

/** The published names of the catalogue, in its order. */
const CATALOGUE: readonly string[] = [
  ...['Baseline', 'SwizzleClogging', 'GrayFailures', 'MultiTenantIsolation', 'TimeCompression'],
  ...['Combined', 'ByzantineViewChangeMerge', 'ByzantineCommitDesync', 'ByzantineInflatedCommit'],
  ...['ByzantineInvalidMetadata', 'ByzantineMaliciousViewChange', 'ByzantineLeaderRace'],
  ...['ByzantineReplayOldView', 'ByzantineCorruptChecksums', 'ByzantineViewChangeBlocking'],
  ...['ByzantinePrepareFlood', 'ByzantineSelectiveSilence', 'ByzantineDvcTailLengthMismatch'],
  ...['ByzantineDvcIdenticalClaims', 'ByzantineOversizedStartView', 'ByzantineInvalidRepairRange'],
  ...['ByzantineInvalidKernelCommand', 'CorruptionBitFlip', 'CorruptionChecksumValidation'],
  ...['CorruptionSilentDiskFailure', 'CorruptionTornWrite', 'CrashDuringCommit'],
  ...['CrashDuringViewChange', 'RecoveryCorruptLog', 'GrayFailureSlowDisk'],
  ...['GrayFailureIntermittentNetwork', 'RaceConcurrentViewChanges', 'RaceCommitDuringDvc'],
  ...['ClockDrift', 'ClockOffsetExceeded', 'ClockNtpFailure', 'ClockBackwardJump'],
  ...['ClientSessionCrash', 'ClientSessionViewChangeLockout', 'ClientSessionEviction'],
  ...['RepairBudgetPreventsStorm', 'RepairEwmaSelection', 'RepairSyncTimeout'],
  ...['PrimaryAbdicatePartition', 'CommitStallDetection', 'PingHeartbeat'],
  ...['CommitMessageFallback', 'StartViewChangeWindow', 'TimeoutComprehensive'],
  ...['ScrubDetectsCorruption', 'ScrubCompletesTour', 'ScrubRateLimited', 'ScrubTriggersRepair'],
];

/** What waits for changes of membership and of the version, and for standbys. */
const WAITING: readonly string[] = [
  ...['ReconfigAddReplicas', 'ReconfigRemoveReplicas', 'ReconfigDuringPartition'],
  ...['ReconfigDuringViewChange', 'ReconfigConcurrentRequests', 'ReconfigJointQuorumValidation'],
  ...['UpgradeGradualRollout', 'UpgradeWithFailure', 'UpgradeRollback'],
  ...['UpgradeFeatureActivation', 'StandbyFollowsLog', 'StandbyPromotion', 'StandbyReadScaling'],
];

/** Requirement 0.21: the names under which people know them. */
const TITLES: readonly (readonly [string, string])[] = [
  ['Repair: Budget Prevents Storm', 'RepairBudgetPreventsStorm'],
  ['Repair: EWMA Selection', 'RepairEwmaSelection'],
  ['Repair: Sync Timeout', 'RepairSyncTimeout'],
  ['Timeout: Primary Abdicate', 'PrimaryAbdicatePartition'],
  ['Timeout: Commit Stall', 'CommitStallDetection'],
];

describe('the catalogue', () => {
  it('has 66 rows, each of them here under its published name or waiting for its feature', () => {
    expect(new Set([...CATALOGUE, ...WAITING]).size).toBe(66);
    const names = new Set(SCENARIOS.map(({ name }) => name));
    expect(CATALOGUE.filter((name) => !names.has(name))).toEqual([]);
    expect(WAITING.filter((name) => scenarioNamed(name) !== null)).toEqual([]);
  });

  it.each(TITLES)('is found under the name %s too', (title, name) => {
    expect(scenarioNamed(title)).toMatchObject({ name, title });
  });
});
