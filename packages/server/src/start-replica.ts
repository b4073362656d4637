import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import {
  type AnyMessage,
  createHost,
  machineIdentityOf,
  Prng,
  ReadOutStorage,
  type ReplicaHost,
  releaseOf,
  type StateMachine,
  StateMachineError,
  type StateMeasure,
  type StoragePort,
  stateMachineFault,
} from '@kimberlite/vsr';
import { BackupService } from './backup/backup-service.ts';
import { sha256 } from './checksum.ts';
import type { Configuration } from './configuration/configuration.ts';
import { isFault, makeFault, type ServerFault } from './errors.ts';
import { type FatalFile, fatalFault, oddSizesFault } from './fatal-fault.ts';
import { hex128 } from './hex128.ts';
import { type Address, formatAddress } from './network/address.ts';
import { ClientListener } from './network/client-listener.ts';
import type { SelfIdentity } from './network/greeting.ts';
import { type Listener, listenAt, sharedAddressFault } from './network/listener.ts';
import { PeerLinks } from './network/peer-links.ts';
import { defaultAddress } from './network/ports.ts';
import { TurnBatch } from './network/send-queue.ts';
import { type HttpListener, listenHttp } from './observe/http-listener.ts';
import { Instruments } from './observe/instruments.ts';
import type { Logger } from './observe/logger.ts';
import { networkObserver } from './observe/network-observer.ts';
import { openLog } from './observe/open-log.ts';
import { counterRecord, type StatusRecord } from './observe/status.ts';
import { TraceLog } from './observe/trace-log.ts';
import { exitWith } from './process-end.ts';
import { VERSION } from './release.ts';
import { scrubPace } from './scrub-pace.ts';
import type { GrowthResult } from './storage/block-room.ts';
import { type OpenDataFile, openDataFile } from './storage/data-file.ts';
import type { FileCalls } from './storage/file-calls.ts';
import { FileStorage, THREAD_POOL_SIZE } from './storage/file-storage.ts';
import type { IoMode } from './storage/io-mode.ts';
import type { IoObserver } from './storage/io-queue.ts';
import { measureReadRate } from './storage/read-rate.ts';
import { fileReader, holdsNoOp, tookAPlace } from './storage/unused-log.ts';
import { systemTickerClock, Ticker } from './ticker.ts';

const SILENCE_CHECK_MILLIS = 1000;

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
   * What could not be written: must end the process, and does so by default with the fault's exit
   * code. Nothing of the replica runs after it.
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

/**
 * Starts one replica on its data file, sockets and timers, in this process. Resolves when it
 * listens; it then recovers by itself. A fault leaves nothing open and nothing changed.
 */
export async function startReplica(
  options: StartReplicaOptions,
): Promise<RunningReplica | ServerFault> {
  const { configuration, stateMachine } = options;
  const fault = stateMachineFault(stateMachine);
  if (fault !== null) {
    return makeFault('state_machine_failed', `the state machine ${fault}`);
  }
  const file = await openDataFile({
    path: configuration.dataFile,
    checksum: sha256,
    expected: {
      cluster: configuration.cluster,
      slot: configuration.replica,
      replicaCount: configuration.addresses.length,
      machine: machineIdentityOf(stateMachine, sha256),
    },
  });
  if (isFault(file)) return file;
  const readRate = await measureReadRate(file, options.fileCalls);
  const replica = assemble(options, file, readRate);
  if (isFault(replica)) return replica;
  const unheard = await replica.listen();
  if (unheard !== null) {
    await replica.stop();
    return unheard;
  }
  replica.run();
  return replica;
}

/** The state machine is opened here, and may throw: then nothing stays open. */
function assemble(
  options: StartReplicaOptions,
  file: OpenDataFile,
  readRate: number | null,
): ReplicaServer | ServerFault {
  try {
    return new ReplicaServer(options, file, readRate);
  } catch (error) {
    closeSync(file.fd);
    file.lock.release();
    if (!(error instanceof StateMachineError)) throw error;
    return makeFault('state_machine_failed', error.message);
  }
}

class ReplicaServer implements RunningReplica {
  readonly slot: number;
  readonly cluster: bigint;
  clientAddress: Address;
  peerAddress: Address;
  httpAddress: Address | null;
  readonly #configuration: Configuration;
  readonly #file: OpenDataFile;
  readonly #self: SelfIdentity;
  readonly #instruments: Instruments;
  readonly #logger: Logger;
  readonly #storage: FileStorage;
  readonly #backups: BackupService;
  readonly #links: PeerLinks;
  readonly #clients: ClientListener;
  readonly #host: ReplicaHost;
  readonly #ticker: Ticker;
  readonly #stateMachine: StateMachine;
  readonly #onFatal: (fault: ServerFault) => void;
  readonly #startedAt: number;
  readonly #listeners: (Listener | HttpListener)[];
  #silenceTimer: NodeJS.Timeout | null;
  #stopped: Promise<void> | null;
  /** Whether the block area has room to grow, and if not, whether something waits for it. */
  #room: 'enough' | 'refused' | 'waited_for' = 'enough';
  /** It was said that the state machine cannot measure itself. */
  #measureFailed = false;

  constructor(options: StartReplicaOptions, file: OpenDataFile, readRate: number | null) {
    const { configuration } = options;
    const { identity } = file;
    const { slot, cluster, config } = identity;
    this.#onFatal = options.onFatal ?? exitWith;
    this.slot = slot;
    this.cluster = cluster;
    this.clientAddress = configuration.clientAddress ?? defaultAddress('client', slot);
    this.peerAddress =
      configuration.peerAddress ?? configuration.addresses[slot] ?? defaultAddress('peer', slot);
    this.httpAddress = null;
    this.#configuration = configuration;
    this.#file = file;
    this.#self = { ...identity, release: releaseOf(VERSION), checksum: sha256 };
    this.#instruments = new Instruments();
    this.#logger = openLog({
      level: configuration.logLevel,
      write: options.writeLog,
      fixed: { cluster, replica: slot },
      instruments: this.#instruments,
    });
    this.#storage = new FileStorage({
      fd: file.fd,
      path: file.path,
      mode: options.ioMode ?? file.mode,
      size: file.size,
      config,
      onFatal: (fault): void => this.#die('storage', fault),
      observer: this.#ioObserver(),
      onGrowth: (result): void => this.#onGrowth(result),
      ...(options.fileCalls === undefined ? {} : { calls: options.fileCalls }),
    });
    const prng = new Prng(randomBytes(8).readBigUInt64LE());
    const shared = {
      self: this.#self,
      turn: new TurnBatch(),
      observer: networkObserver(this.#instruments),
      logger: this.#logger,
      deliver: (message: AnyMessage): void => this.#deliver(message),
    };
    this.#links = new PeerLinks({
      ...shared,
      prng: prng.fork(),
      onRefused: (slot): void => {
        if (this.#stopped === null) this.#host.peerRefused(slot);
      },
      onOddSizes: (peers): void => this.#die('process', oddSizesFault(file.path, peers)),
      addressOf:
        options.peerAddress ?? ((peer): Address | null => configuration.addresses[peer] ?? null),
      knownIncarnation: (peer): bigint => this.#host.knownIncarnation(peer),
    });
    this.#clients = new ClientListener({
      ...shared,
      connectionsMax: configuration.clientConnections,
    });
    const disk = new ReadOutStorage(options.wrapStorage?.(this.#storage) ?? this.#storage);
    this.#host = createHost({
      storage: disk,
      transport: {
        sendToReplica: (to, message): void => this.#links.send(to, message),
        sendToClient: (to, message): void => this.#clients.send(to, message),
      },
      clock: systemClock,
      scheduler: { postWork: (callback): void => void setImmediate(callback) },
      trace: new TraceLog(this.#logger, this.#instruments),
      checksum: sha256,
      config,
      stateMachine: options.stateMachine,
      prng: prng.fork(),
      cluster,
      slot,
      release: this.#self.release,
      timeouts: configuration.timeouts,
      blockCacheSize: configuration.blockCacheSize,
      scrub: scrubPace({ tourSeconds: configuration.scrubTourSeconds, readRate }),
      fatal: (reason): void => this.#die('process', fatalFault(reason, this.#fatalFile())),
    });
    this.#backups = new BackupService({
      host: this.#host,
      storage: disk,
      instruments: this.#instruments,
      logger: this.#logger,
      release: this.#self.release,
    });
    this.#ticker = new Ticker({
      clock: systemTickerClock,
      onTick: (): void => this.#host.tick(),
      onDelay: (seconds): void => this.#instruments.tickDelaySeconds.observe(seconds),
    });
    this.#stateMachine = options.stateMachine;
    this.#startedAt = performance.now();
    this.#listeners = [];
    this.#silenceTimer = null;
    this.#stopped = null;
  }

  /** Takes all addresses, before anything is read or dialled: a port in use harms nothing. */
  async listen(): Promise<ServerFault | null> {
    const { httpAddress } = this.#configuration;
    const fault = sharedAddressFault({
      'client-address': this.clientAddress,
      'peer-address': this.peerAddress,
      'http-address':
        httpAddress === 'off' ? null : (httpAddress ?? defaultAddress('http', this.slot)),
    });
    if (fault !== null) return fault;
    const peers = await listenAt(this.peerAddress, 'peers', (socket) => this.#links.accept(socket));
    if (isFault(peers)) return peers;
    this.#listeners.push(peers);
    this.peerAddress = peers.address;
    const clients = await listenAt(this.clientAddress, 'clients', (socket) =>
      this.#clients.accept(socket),
    );
    if (isFault(clients)) return clients;
    this.#listeners.push(clients);
    this.clientAddress = clients.address;
    if (httpAddress === 'off') return null;
    const http = await listenHttp({
      address: httpAddress ?? defaultAddress('http', this.slot),
      status: () => this.status(),
      instruments: this.#instruments,
      backup: this.#backups,
    });
    if (isFault(http)) return http;
    this.#listeners.push(http);
    this.httpAddress = http.address;
    return null;
  }

  run(): void {
    const threads = threadPoolSize();
    if (threads < THREAD_POOL_SIZE) {
      this.#logger.warn('storage', 'thread pool is small', {
        threads,
        remedy: `set UV_THREADPOOL_SIZE=${THREAD_POOL_SIZE} before the process starts`,
      });
    }
    this.#logger.info('process', 'listening', {
      version: VERSION,
      client_address: formatAddress(this.clientAddress),
      peer_address: formatAddress(this.peerAddress),
      http_address: this.httpAddress === null ? 'off' : formatAddress(this.httpAddress),
      data_file: this.#file.path,
      io_mode: this.#file.mode,
      lock: this.#file.lock.means.join(' '),
      profile: this.#configuration.profile,
    });
    this.#host.start();
    this.#links.start();
    this.#ticker.start();
    this.#silenceTimer = setInterval(
      () => this.#links.checkSilence(SILENCE_CHECK_MILLIS),
      SILENCE_CHECK_MILLIS,
    );
  }

  #deliver(message: AnyMessage): void {
    if (this.#stopped === null) this.#host.deliver(message);
  }

  status(): StatusRecord {
    const { path, mode, lock, identity } = this.#file;
    return {
      version: VERSION,
      cluster: this.cluster.toString(),
      replica: this.slot,
      replicaCount: identity.replicaCount,
      stateMachine: { name: identity.machine.name, id: hex128(identity.machine.id) },
      state: this.#host.snapshot(),
      peers: this.#links.status(),
      addresses: {
        client: formatAddress(this.clientAddress),
        peer: formatAddress(this.peerAddress),
        http: this.httpAddress === null ? null : formatAddress(this.httpAddress),
      },
      dataFile: {
        path,
        bytes: this.#storage.fileSize(),
        waitingBytes: this.#storage.waitingBytes(),
        ioMode: mode,
        lock: lock.means,
      },
      threadPoolSize: threadPoolSize(),
      clientConnections: this.#clients.count(),
      stateSize: {
        ...this.#measure(),
        bytesMax: identity.config.stateBytesMax,
      },
      uptimeSeconds: (performance.now() - this.#startedAt) / 1000,
      counters: counterRecord(this.#instruments),
    };
  }

  /** Nothing that is replicated depends on it: a machine that throws here is no reason to end. */
  #measure(): StateMeasure {
    try {
      return this.#stateMachine.measure?.() ?? UNMEASURED;
    } catch (error) {
      if (!this.#measureFailed) {
        const err = String(error);
        this.#logger.error('process', 'the state machine cannot measure its state', { err });
      }
      this.#measureFailed = true;
      return UNMEASURED;
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const ran = this.#silenceTimer !== null;
    this.#halt();
    await this.#storage.close();
    closeSync(this.#file.fd);
    this.#file.lock.release();
    // One that could not listen says why, in one line and nothing beside it.
    if (ran) this.#logger.info('process', 'stopped');
  }

  #halt(): void {
    this.#ticker.stop();
    if (this.#silenceTimer !== null) clearInterval(this.#silenceTimer);
    for (const listener of this.#listeners) listener.close();
    this.#links.stop();
    this.#clients.stop();
  }

  #fatalFile(): FatalFile {
    const { fd, path } = this.#file;
    return {
      path,
      tookAPlace: () => tookAPlace(fileReader(fd)),
      holdsOps: () => !holdsNoOp(fileReader(fd)),
    };
  }

  #die(component: 'storage' | 'process', fault: ServerFault): void {
    this.#logger.error(component, 'giving up', { code: fault.code, err: fault.message });
    this.#halt();
    this.#onFatal(fault);
  }

  /** Logged when it begins, when something needs the room, and when it ends: it is tried often. */
  #onGrowth(result: GrowthResult): void {
    this.#instruments.growths.add(result);
    const waitingBytes = this.#storage.waitingBytes();
    const room = result === 'grown' ? 'enough' : waitingBytes > 0 ? 'waited_for' : 'refused';
    if (room === this.#room) return;
    const isNew = this.#room === 'enough';
    this.#room = room;
    const { path } = this.#file;
    const fields = { path, bytes: this.#storage.fileSize() };
    if (room === 'enough') {
      this.#logger.info('storage', 'the data file grows again', fields);
    } else if (room === 'waited_for') {
      this.#logger.error('storage', 'the disk is full: the checkpoint waits for room', {
        ...fields,
        waiting_bytes: waitingBytes,
        remedy: 'free space on the file system of the data file; nothing needs to be restarted',
      });
    } else if (isNew) {
      this.#logger.warn('storage', 'no room for the data file to grow', fields);
    }
  }

  #ioObserver(): IoObserver {
    const instruments = this.#instruments;
    return {
      onIo({ kind, background, seconds, bytes }): void {
        instruments.ioBytes.add(kind, bytes);
        if (kind === 'read') instruments.readSeconds.observe(seconds);
        else (background ? instruments.writeSeconds : instruments.walSeconds).observe(seconds);
      },
    };
  }
}

const UNMEASURED: StateMeasure = { bytes: null, refusals: 0 };

const systemClock = {
  monotonic: (): number => Math.floor(performance.now() * 1000),
  wall: (): number => Date.now() * 1000,
};

function threadPoolSize(): number {
  return Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) || 4;
}
