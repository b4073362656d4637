export { CHECKERS, type CheckerName, Violation, type WrongReply } from './checkers/violation.ts';
export { BURSTS_OFF, type BurstOptions } from './client/bursts.ts';
export { CLIENTS_BUSY, type ClientOptions } from './client/simulated-client.ts';
export { CLOCK_CALM, type ClockOptions } from './cluster/clock.ts';
export { Cluster } from './cluster/cluster.ts';
export type { ClusterOptions } from './cluster/cluster-options.ts';
export type { Happening, Observed, Observer, Role } from './cluster/observer.ts';
export { nackQuorum, replicationQuorum, viewChangeQuorum } from './cluster/quorums.ts';
export type { FormatSetup, HostSetup, ReplicaMaker } from './cluster/replica-maker.ts';
export { type Bisection, bisect } from './explain/bisect.ts';
export { type Bundle, bundleOf, decodeBundle, encodeBundle } from './explain/bundle.ts';
export { BadBundle } from './explain/bundle-fields.ts';
export { type Diagnosis, diagnose, diagnosisText } from './explain/diagnose.ts';
export type { EarlySign } from './explain/early-signs.ts';
export type { Lies, Stop } from './explain/evidence.ts';
export { type Minimized, minimize } from './explain/minimize.ts';
export { replay, replayDifferences, sameFailure } from './explain/replay.ts';
export { Timeline } from './explain/timeline.ts';
export { traceLine } from './explain/trace-line.ts';
export { FAULT_KINDS, type FaultKind, NOTHING_REMOVED, type Removed } from './faults/fault-gate.ts';
export {
  type CheckOptions,
  checkHistory,
  type HistoryVerdict,
} from './linearizability/check-history.ts';
export type { HistoryModel, HistoryOperation } from './linearizability/history.ts';
export {
  type KernelHistoryOptions,
  type KernelOperation,
  kernelHistoryModel,
} from './linearizability/kernel-history.ts';
export {
  NETWORK_CALM,
  type NetworkOptions,
  type Packet,
  type PacketFilter,
} from './network/network.ts';
export { PARTITIONS_OFF, type PartitionMode, type PartitionOptions } from './network/partitions.ts';
export { describeOptions } from './run/describe-options.ts';
export {
  PROCESS_FAULTS_OFF,
  type ProcessFaultOptions,
  type SimulationOptions,
  type Witness,
} from './run/options.ts';
export type { Outcome, Verdict } from './run/outcome.ts';
export { EXIT_CODES, type RunOptions, type RunResult, runSeed } from './run/run-seed.ts';
export { drawSwarm } from './run/swarm.ts';
export { addTotals, emptyTotals, type Totals } from './run/totals.ts';
export { SCENARIOS, scenarioNamed, scenarioOptions } from './scenarios/registry.ts';
export { SCENARIO_GROUPS, type Scenario, type ScenarioGroup } from './scenarios/scenario.ts';
export { TIMEOUT_SCENARIOS } from './scenarios/timeout-scenarios.ts';
export type { Damage } from './storage/sector-memory.ts';
export { STORAGE_CALM, type StorageOptions } from './storage/storage.ts';
export { ScriptedCluster, type ScriptedOptions } from './testing/scripted-cluster.ts';
export { guardedWorkload } from './user/guarded-machine.ts';
export {
  type StateMachineFailure,
  type StateMachineReport,
  type StateMachineTest,
  testStateMachine,
} from './user/test-state-machine.ts';
export { counterWorkload } from './workload/counter-machine.ts';
export { KernelWorkload } from './workload/kernel-workload.ts';
export type {
  HistoryJudge,
  ModelContext,
  QueryModel,
  QueryWorkload,
  ReplyModel,
  Workload,
  WorkloadRequest,
} from './workload/workload.ts';
