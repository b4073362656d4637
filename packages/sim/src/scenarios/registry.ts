import type { SimulationOptions } from '../run/options.ts';
import { byzantineAnyField } from './byzantine/byzantine-any-field.ts';
import { byzantineCommitDesync } from './byzantine/byzantine-commit-desync.ts';
import { byzantineCommitInflationGradual } from './byzantine/byzantine-commit-inflation-gradual.ts';
import { byzantineCorruptChecksums } from './byzantine/byzantine-corrupt-checksums.ts';
import { byzantineDvcIdenticalClaims } from './byzantine/byzantine-dvc-identical-claims.ts';
import { byzantineDvcShortTail } from './byzantine/byzantine-dvc-short-tail.ts';
import { byzantineDvcTailLengthMismatch } from './byzantine/byzantine-dvc-tail-length-mismatch.ts';
import { byzantineEarlyCommit } from './byzantine/byzantine-early-commit.ts';
import { byzantineFalseAck } from './byzantine/byzantine-false-ack.ts';
import { byzantineFalseLogView } from './byzantine/byzantine-false-log-view.ts';
import { byzantineFalseNack } from './byzantine/byzantine-false-nack.ts';
import { byzantineFalseReadIndex } from './byzantine/byzantine-false-read-index.ts';
import { byzantineFalseViewConfirmed } from './byzantine/byzantine-false-view-confirmed.ts';
import { byzantineForeignCluster } from './byzantine/byzantine-foreign-cluster.ts';
import { byzantineForgedCheckpoint } from './byzantine/byzantine-forged-checkpoint.ts';
import { byzantineForgedPong } from './byzantine/byzantine-forged-pong.ts';
import { byzantineForgedSender } from './byzantine/byzantine-forged-sender.ts';
import { byzantineInflatedCommit } from './byzantine/byzantine-inflated-commit.ts';
import { byzantineInvalidKernelCommand } from './byzantine/byzantine-invalid-kernel-command.ts';
import { byzantineInvalidMetadata } from './byzantine/byzantine-invalid-metadata.ts';
import { byzantineInvalidRepairRange } from './byzantine/byzantine-invalid-repair-range.ts';
import { byzantineLeaderRace } from './byzantine/byzantine-leader-race.ts';
import { byzantineMaliciousViewChange } from './byzantine/byzantine-malicious-view-change.ts';
import { byzantineOversizedStartView } from './byzantine/byzantine-oversized-start-view.ts';
import { byzantinePrepareEquivocation } from './byzantine/byzantine-prepare-equivocation.ts';
import { byzantinePrepareFlood } from './byzantine/byzantine-prepare-flood.ts';
import { byzantineReplayOldView } from './byzantine/byzantine-replay-old-view.ts';
import { byzantineSelectiveSilence } from './byzantine/byzantine-selective-silence.ts';
import { byzantineSplitBrain } from './byzantine/byzantine-split-brain.ts';
import { byzantineTamperedContent } from './byzantine/byzantine-tampered-content.ts';
import { byzantineUnaskedMessages } from './byzantine/byzantine-unasked-messages.ts';
import { byzantineViewChangeBlocking } from './byzantine/byzantine-view-change-blocking.ts';
import { byzantineViewChangeMerge } from './byzantine/byzantine-view-change-merge.ts';
import { strayState } from './byzantine/stray-state.ts';
import { clockBackwardJump } from './clock/clock-backward-jump.ts';
import { clockDrift } from './clock/clock-drift.ts';
import { clockLostPrimary } from './clock/clock-lost-primary.ts';
import { clockNtpFailure } from './clock/clock-ntp-failure.ts';
import { clockOffsetExceeded } from './clock/clock-offset-exceeded.ts';
import { outvotedClock } from './clock/outvoted-clock.ts';
import { baseline } from './core/baseline.ts';
import { bursts } from './core/bursts.ts';
import { combined } from './core/combined.ts';
import { cutLinks } from './core/cut-links.ts';
import { grayFailures } from './core/gray-failures.ts';
import { multiTenantIsolation } from './core/multi-tenant-isolation.ts';
import { partitions } from './core/partitions.ts';
import { swarm } from './core/swarm.ts';
import { swizzleClogging } from './core/swizzle-clogging.ts';
import { timeCompression } from './core/time-compression.ts';
import { corruptionBitFlip } from './corruption/corruption-bit-flip.ts';
import { corruptionChecksumValidation } from './corruption/corruption-checksum-validation.ts';
import { corruptionSilentDiskFailure } from './corruption/corruption-silent-disk-failure.ts';
import { corruptionTornWrite } from './corruption/corruption-torn-write.ts';
import { doubtedHeads } from './corruption/doubted-heads.ts';
import { noSpace } from './corruption/no-space.ts';
import { olderRevisions } from './corruption/older-revisions.ts';
import { rottenHeads } from './corruption/rotten-heads.ts';
import { storageFaults } from './corruption/storage-faults.ts';
import { uncertainHeads } from './corruption/uncertain-heads.ts';
import { crashDuringCommit } from './crash/crash-during-commit.ts';
import { crashDuringViewChange } from './crash/crash-during-view-change.ts';
import { dividedRecovery } from './crash/divided-recovery.ts';
import { lostDisk } from './crash/lost-disk.ts';
import { oldAndLostFiles } from './crash/old-and-lost-files.ts';
import { oldFiles } from './crash/old-files.ts';
import { powerCuts } from './crash/power-cuts.ts';
import { recoveredAndSynced } from './crash/recovered-and-synced.ts';
import { recoveryCorruptLog } from './crash/recovery-corrupt-log.ts';
import { fullDisks } from './gray/full-disks.ts';
import { grayFailureIntermittentNetwork } from './gray/gray-failure-intermittent-network.ts';
import { grayFailureSlowDisk } from './gray/gray-failure-slow-disk.ts';
import { hungDisks } from './gray/hung-disks.ts';
import { loneFullDisks } from './gray/lone-full-disks.ts';
import { slowNetworks } from './gray/slow-networks.ts';
import { duellingViews } from './race/duelling-views.ts';
import { ghostPrepares } from './race/ghost-prepares.ts';
import { lastCopies } from './race/last-copies.ts';
import { lateAcknowledgements } from './race/late-acknowledgements.ts';
import { lateCheckpoints } from './race/late-checkpoints.ts';
import { lateHeaders } from './race/late-headers.ts';
import { raceCommitDuringDvc } from './race/race-commit-during-dvc.ts';
import { raceConcurrentViewChanges } from './race/race-concurrent-view-changes.ts';
import { newPrimaryReads } from './reads/new-primary-reads.ts';
import { stalePrimaryReads } from './reads/stale-primary-reads.ts';
import { unawarePrimaries } from './reads/unaware-primaries.ts';
import { repairBudgetPreventsStorm } from './repair/repair-budget-prevents-storm.ts';
import { repairEwmaSelection } from './repair/repair-ewma-selection.ts';
import { repairSyncTimeout } from './repair/repair-sync-timeout.ts';
import { stuckPrimaries } from './repair/stuck-primaries.ts';
import { transferUnderLoad } from './repair/transfer-under-load.ts';
import type { Scenario } from './scenario.ts';
import { scrubCompletesTour } from './scrub/scrub-completes-tour.ts';
import { scrubDetectsCorruption } from './scrub/scrub-detects-corruption.ts';
import { scrubHealsHelical } from './scrub/scrub-heals-helical.ts';
import { scrubRateLimited } from './scrub/scrub-rate-limited.ts';
import { scrubTriggersRepair } from './scrub/scrub-triggers-repair.ts';
import { clientSessionCrash } from './sessions/client-session-crash.ts';
import { clientSessionEviction } from './sessions/client-session-eviction.ts';
import { clientSessionViewChangeLockout } from './sessions/client-session-view-change-lockout.ts';
import { fullPrimaries } from './sessions/full-primaries.ts';
import { refusedRequests } from './sessions/refused-requests.ts';
import { repeatedRequests } from './sessions/repeated-requests.ts';
import { commitMessageFallback } from './timeouts/commit-message-fallback.ts';
import { commitStallDetection } from './timeouts/commit-stall-detection.ts';
import { pingHeartbeat } from './timeouts/ping-heartbeat.ts';
import { primaryAbdicatePartition } from './timeouts/primary-abdicate-partition.ts';
import { startViewChangeWindow } from './timeouts/start-view-change-window.ts';
import { timeoutComprehensive } from './timeouts/timeout-comprehensive.ts';

/** What `vopr list` shows and `--scenario` takes. */
export const SCENARIOS: readonly Scenario[] = [
  swarm,
  baseline,
  partitions,
  cutLinks,
  swizzleClogging,
  grayFailures,
  multiTenantIsolation,
  timeCompression,
  bursts,
  combined,
  byzantineViewChangeMerge,
  strayState,
  byzantineCommitDesync,
  byzantineInflatedCommit,
  byzantineInvalidMetadata,
  byzantineMaliciousViewChange,
  byzantineLeaderRace,
  byzantineReplayOldView,
  byzantineCorruptChecksums,
  byzantineViewChangeBlocking,
  byzantinePrepareFlood,
  byzantineSelectiveSilence,
  byzantineDvcTailLengthMismatch,
  byzantineDvcShortTail,
  byzantineDvcIdenticalClaims,
  byzantineOversizedStartView,
  byzantineInvalidRepairRange,
  byzantineInvalidKernelCommand,
  byzantineSplitBrain,
  byzantinePrepareEquivocation,
  byzantineEarlyCommit,
  byzantineCommitInflationGradual,
  byzantineFalseLogView,
  byzantineFalseNack,
  byzantineFalseAck,
  byzantineForgedCheckpoint,
  byzantineForgedPong,
  byzantineForgedSender,
  byzantineTamperedContent,
  byzantineForeignCluster,
  byzantineFalseReadIndex,
  byzantineFalseViewConfirmed,
  byzantineAnyField,
  byzantineUnaskedMessages,
  storageFaults,
  noSpace,
  olderRevisions,
  uncertainHeads,
  rottenHeads,
  doubtedHeads,
  corruptionBitFlip,
  corruptionChecksumValidation,
  corruptionSilentDiskFailure,
  corruptionTornWrite,
  powerCuts,
  lostDisk,
  oldFiles,
  oldAndLostFiles,
  recoveredAndSynced,
  dividedRecovery,
  crashDuringCommit,
  crashDuringViewChange,
  recoveryCorruptLog,
  grayFailureSlowDisk,
  hungDisks,
  slowNetworks,
  fullDisks,
  loneFullDisks,
  grayFailureIntermittentNetwork,
  duellingViews,
  lateAcknowledgements,
  lateHeaders,
  lateCheckpoints,
  ghostPrepares,
  lastCopies,
  scrubDetectsCorruption,
  scrubCompletesTour,
  scrubRateLimited,
  scrubTriggersRepair,
  scrubHealsHelical,
  stalePrimaryReads,
  newPrimaryReads,
  unawarePrimaries,
  raceConcurrentViewChanges,
  raceCommitDuringDvc,
  clockDrift,
  clockOffsetExceeded,
  clockLostPrimary,
  outvotedClock,
  clockNtpFailure,
  clockBackwardJump,
  clientSessionCrash,
  clientSessionViewChangeLockout,
  clientSessionEviction,
  repeatedRequests,
  refusedRequests,
  fullPrimaries,
  repairBudgetPreventsStorm,
  repairEwmaSelection,
  repairSyncTimeout,
  transferUnderLoad,
  stuckPrimaries,
  primaryAbdicatePartition,
  commitStallDetection,
  pingHeartbeat,
  commitMessageFallback,
  startViewChangeWindow,
  timeoutComprehensive,
];

const BY_NAME: ReadonlyMap<string, Scenario> = new Map(
  SCENARIOS.flatMap((scenario) => {
    const { name, title = name } = scenario;
    return [name, title].map((each) => [plainName(each), scenario] as const);
  }),
);

/** `CrashDuringCommit`, `crash-during-commit` and `crash_during_commit` are one name. */
function plainName(name: string): string {
  return name.toLowerCase().replace(/[-_: ]/g, '');
}

/** The scenario of that name, however it is spelled; null when there is none. */
export function scenarioNamed(name: string): Scenario | null {
  return BY_NAME.get(plainName(name)) ?? null;
}

/** The parameters of a named scenario for a seed, or null when there is none of that name. */
export function scenarioOptions(name: string, seed: bigint): SimulationOptions | null {
  const scenario = scenarioNamed(name);
  if (scenario === null) return null;
  return { ...scenario.options(seed), witnesses: scenario.witnesses };
}
