import { type BackupHead, hex128, sha256 } from '@kimberlite/server';
import { checkpointId } from '@kimberlite/vsr';

/** What a backup says of itself, for scripts. */
export function headRecord(head: BackupHead): Readonly<Record<string, unknown>> {
  return {
    cluster: head.cluster,
    replica: head.slot,
    replica_count: head.replicaCount,
    state_machine: head.machine.name,
    release: `${head.release >>> 16}.${(head.release >>> 8) & 0xff}.${head.release & 0xff}`,
    created_at: timeOf(head.createdAt),
    view: head.view,
    log_view: head.logView,
    op: head.op,
    checkpoint_op: head.checkpoint.op,
    checkpoint_id: hex128(checkpointId(head.checkpoint, sha256)),
  };
}

/** Of microseconds since 1970. */
export function timeOf(micros: number): string {
  return new Date(micros / 1000).toISOString();
}
