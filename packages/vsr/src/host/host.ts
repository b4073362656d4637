import type { BackupPoint, BackupRefusal } from '../backup/backup-point.ts';
import type { AnyMessage } from '../message/message.ts';
import type { ReplicaSnapshot } from '../replica/snapshot.ts';

/**
 * How whoever runs a replica talks to it: the server, the simulator, a browser. `createHost` makes
 * one; none of the calls throws but for a bug (AssertionError), which must end the process.
 */
export interface ReplicaHost {
  /** Reads the data file and begins; before that, messages are dropped. */
  start(): void;
  /** A message that decoded cleanly, from a peer or a client. */
  deliver(message: AnyMessage): void;
  /** Once every TICK_MICROS by the local clock, late ticks at once. */
  tick(): void;
  /**
   * A dial of this peer was refused after its connection had broken, so its process has probably
   * died. A hint: it may be wrong, and may be left out.
   */
  peerRefused(slot: number): void;
  snapshot(): ReplicaSnapshot;
  /** The incarnation of the one data file of a slot whose messages count; zero: none yet. */
  knownIncarnation(slot: number): bigint;
  /**
   * What a backup that begins in this turn would hold: every op up to `atLeast`, at least. Read it
   * with a ReadOutStorage, or it may be written over.
   */
  backupPoint(atLeast: number): BackupPoint | BackupRefusal;
}
