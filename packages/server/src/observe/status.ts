import type { ReplicaSnapshot } from '@kimberlite/vsr';
import type { PeerStatus } from '../network/peer-links.ts';
import type { LockMeans } from '../storage/file-lock.ts';
import type { IoMode } from '../storage/io-mode.ts';
import type { Instruments } from './instruments.ts';

/** What `GET /status` answers, and `kimberlite status` shows. */
export interface StatusRecord {
  readonly version: string;
  readonly cluster: string;
  readonly replica: number;
  readonly replicaCount: number;
  /** Whose state this is; the id in hexadecimal. */
  readonly stateMachine: { readonly name: string; readonly id: string };
  /** The core's own view of itself. */
  readonly state: ReplicaSnapshot;
  readonly peers: readonly PeerStatus[];
  readonly addresses: {
    readonly client: string;
    readonly peer: string;
    readonly http: string | null;
  };
  readonly dataFile: {
    readonly path: string;
    readonly bytes: number;
    /** Bytes of blocks that wait because the file system has no room; 0 while it has some. */
    readonly waitingBytes: number;
    readonly ioMode: IoMode;
    readonly lock: readonly LockMeans[];
  };
  /** Threads for disk I/O as configured; fewer than 24 can make the WAL wait for blocks. */
  readonly threadPoolSize: number;
  readonly clientConnections: number;
  readonly stateSize: StateSizeRecord;
  readonly uptimeSeconds: number;
  readonly counters: CounterRecord;
}

/** How full the state is, where the cluster was formatted with a limit. */
export interface StateSizeRecord {
  /** As of the last request that was executed here; null before one, and without a limit. */
  readonly bytes: number | null;
  /** 0 for no limit. */
  readonly bytesMax: number;
  /** Calls refused for want of room since the start. */
  readonly refusals: number;
}

/**
 * Counters since the process started, in sum or by the label of the metric that has them
 * (docs/metrics.md); only labels that were counted.
 */
export interface CounterRecord {
  readonly messagesReceived: number;
  readonly messagesSent: number;
  /** By reason: those of the core, and of the network. */
  readonly messagesDropped: Readonly<Record<string, number>>;
  /** Arrivals that were no message of this version, by reason; the connection was closed. */
  readonly frameFaults: Readonly<Record<string, number>>;
  /** Connections that this replica refused or closed, and said why, by reason. */
  readonly rejectionsSent: Readonly<Record<string, number>>;
  /** The same of a peer with this replica, by reason. */
  readonly rejectionsReceived: Readonly<Record<string, number>>;
  /** In committed ops that this replica executed or passed over, by result. */
  readonly requests: Readonly<Record<string, number>>;
  /** Of durable writes of the log and the superblock. */
  readonly walWriteP99Seconds: number;
}

export function counterRecord(instruments: Instruments): CounterRecord {
  return {
    messagesReceived: instruments.messagesReceived.total(),
    messagesSent: instruments.messagesSent.total(),
    messagesDropped: Object.fromEntries(instruments.messagesDropped.counted()),
    frameFaults: Object.fromEntries(instruments.frameFaults.counted()),
    rejectionsSent: Object.fromEntries(instruments.rejectionsSent.counted()),
    rejectionsReceived: Object.fromEntries(instruments.rejectionsReceived.counted()),
    requests: Object.fromEntries(instruments.requests.counted()),
    walWriteP99Seconds: instruments.walSeconds.quantile(0.99),
  };
}
