import type { SurvivorPlan } from './survivor-plan.ts';

/** What is kept and what may be lost, for a person who has to decide. */
export function planText(path: string, plan: SurvivorPlan): string {
  const { identity, adoptedOp, checkpointOp, committedOp } = plan;
  const lines = [
    `${path}: replica ${identity.slot} of cluster ${identity.cluster} ` +
      `(${identity.replicaCount} replicas), view ${plan.view}, log of view ${plan.logView}`,
    `kept: everything up to op ${adoptedOp}${timeText(plan.adoptedTime)}: ` +
      `the checkpoint at op ${checkpointOp} and ${adoptedOp - checkpointOp} ops above it`,
  ];
  if (committedOp < adoptedOp) {
    lines.push(
      `  ops ${committedOp + 1} to ${adoptedOp} are not proven to be committed; they are kept, ` +
        'for they may have been acknowledged',
    );
  }
  if (committedOp > adoptedOp) {
    lines.push(
      `lost for certain: ops ${adoptedOp + 1} to ${committedOp}, which were committed ` +
        'and are not whole here',
    );
  }
  if (plan.brokenBy !== null) {
    lines.push(`  the log ends there: of op ${adoptedOp + 1}, ${plan.brokenBy}`);
  }
  if (!plan.headCertain) {
    lines.push('  something unreadable at the end of the log may hide more ops; they are lost');
  }
  // Of one replica there are no others.
  if (identity.replicaCount > 1) {
    lines.push(
      'perhaps lost: whatever the others acknowledged above op ' +
        `${Math.max(adoptedOp, committedOp)}, which this replica never saw; nothing here can tell how much`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function timeText(micros: number): string {
  return micros === 0 ? '' : ` of ${timeOf(micros)}`;
}

function timeOf(micros: number): string {
  return new Date(micros / 1000).toISOString();
}

/** The same for scripts. */
export function planRecord(path: string, plan: SurvivorPlan): Readonly<Record<string, unknown>> {
  const { identity } = plan;
  return {
    survivor: path,
    cluster: identity.cluster,
    replica: identity.slot,
    replica_count: identity.replicaCount,
    view: plan.view,
    log_view: plan.logView,
    checkpoint_op: plan.checkpointOp,
    kept_op: plan.adoptedOp,
    kept_time: plan.adoptedTime === 0 ? null : timeOf(plan.adoptedTime),
    committed_op: plan.committedOp,
    head_op: plan.headOp,
    head_certain: plan.headCertain,
    broken_by: plan.brokenBy,
  };
}
