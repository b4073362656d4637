import type { StateMachine, StoragePort } from '@kimberlite/vsr';
import type { Configuration } from './configuration/configuration.ts';
import type { ServerFault } from './errors.ts';
import type { Address } from './network/address.ts';
import type { StatusRecord } from './observe/status.ts';
import type { FileCalls } from './storage/file-calls.ts';
import type { IoMode } from './storage/io-mode.ts';

/** What `startReplica` is given. */
export interface StartReplicaOptions {
  /** From `loadConfiguration`; it names the data file, which must be there (`formatDataFile`). */
  readonly configuration: Configuration;
  /** Of this replica alone, and the one that the data file was formatted for. */
  readonly stateMachine: StateMachine;
  /**
   * Lines of the log; standard error by default. A line for which it throws counts as lost, as one
   * that standard error does not take: the replica goes on.
   */
  readonly writeLog?: (line: string) => void;
  /**
   * Why the replica cannot go on: a write that failed, a file that is not to be believed, a state
   * that is not that of its peers. Must end the process, and does so by default with the fault's
   * exit code. Told once; sockets and timers are closed by then.
   */
  readonly onFatal?: (fault: ServerFault) => void;
  /** Address of a peer, asked at each dial; the configuration's by default. */
  readonly peerAddress?: (slot: number) => Address | null;
  /** Puts something between the replica and its file, for tests that take the power away. */
  readonly wrapStorage?: (storage: StoragePort) => StoragePort;
  /** Stands between the replica and the system's calls on its file, for tests of bad disks. */
  readonly fileCalls?: FileCalls;
  /** How a write is made durable, for tests of other platforms; as the file is open by default. */
  readonly ioMode?: IoMode;
}

/** A replica that listens. It may still be recovering: `status()` tells. */
export interface RunningReplica {
  /** Of this member, below the number of replicas. */
  readonly slot: number;
  /** The number of the cluster, as the data file has it: below 2^128. */
  readonly cluster: bigint;
  /** With the real ports, where 0 was asked for. */
  readonly clientAddress: Address;
  readonly peerAddress: Address;
  /** Null: HTTP is off. */
  readonly httpAddress: Address | null;
  /** As of now: what `GET /status` answers. */
  status(): StatusRecord;
  /** Closes sockets, waits for what is being written, closes and unlocks the file. */
  stop(): Promise<void>;
}
