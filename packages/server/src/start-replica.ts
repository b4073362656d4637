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
  type StoragePort,
  stateMachineFault,
} from '@kimberlite/vsr';
import { BackupService } from './backup/backup-service.ts';
import { sha256 } from './checksum.ts';
import type { Configuration } from './configuration/configuration.ts';
import { isFault, makeFault, type ServerFault } from './errors.ts';
import { type Address, formatAddress } from './network/address.ts';
import { ClientListener } from './network/client-listener.ts';
import type { SelfIdentity } from './network/greeting.ts';
import { type Listener, listenAt, sharedAddressFault } from './network/listener.ts';
import { PeerLinks } from './network/peer-links.ts';
import { defaultAddress } from './network/ports.ts';
import { TurnBatch } from './network/send-queue.ts';
import { type HttpListener, listenHttp } from './observe/http-listener.ts';
import { Instruments } from './observe/instruments.ts';
import { Logger, writeToStderr } from './observe/logger.ts';
import { networkObserver } from './observe/network-observer.ts';
import { counterRecord, type StatusRecord } from './observe/status.ts';
import { TraceLog } from './observe/trace-log.ts';
import { exitWith, type FatalFile, fatalFault, oddSizesFault } from './process-end.ts';
import { VERSION } from './release.ts';
import { scrubPace } from './scrub-pace.ts';
import { type OpenDataFile, openDataFile } from './storage/data-file.ts';
import type { FileCalls } from './storage/file-calls.ts';
import { FileStorage, type GrowthResult, THREAD_POOL_SIZE } from './storage/file-storage.ts';
import type { IoObserver } from './storage/io-queue.ts';
import { measureReadRate } from './storage/read-rate.ts';
import { fileReader, holdsNoOp } from './storage/unused-log.ts';
import { systemTickerClock, Ticker } from './ticker.ts';

const SILENCE_CHECK_MILLIS = 1000;

export interface StartReplicaOptions {
  readonly configuration: Configuration;
  readonly stateMachine: StateMachine;
  /** Lines of the log; standard error by default. */
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
}

export interface RunningReplica {
  readonly slot: number;
  readonly cluster: bigint;
  /** With the real ports, where 0 was asked for. */
  readonly clientAddress: Address;
  readonly peerAddress: Address;
  readonly httpAddress: Address | null;
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
  const replica = new ReplicaServer(options, file, readRate);
  const unheard = await replica.listen();
  if (unheard !== null) {
    await replica.stop();
    return unheard;
  }
  replica.run();
  return replica;
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
  readonly #startedAt: number;
  readonly #listeners: (Listener | HttpListener)[];
  #silenceTimer: NodeJS.Timeout | null;
  #stopped: Promise<void> | null;
  /** The device has no room for the block area to grow; nobody needs it yet. */
  #growthRefused = false;

  constructor(options: StartReplicaOptions, file: OpenDataFile, readRate: number | null) {
    const { configuration } = options;
    const { identity } = file;
    const { slot, cluster, config } = identity;
    const onFatal = options.onFatal ?? exitWith;
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
    this.#logger = new Logger({
      level: configuration.logLevel,
      write: options.writeLog ?? writeToStderr,
      now: Date.now,
      fixed: { cluster, replica: slot },
    });
    this.#storage = new FileStorage({
      fd: file.fd,
      path: file.path,
      mode: file.mode,
      size: file.size,
      config,
      onFatal: (fault): void => this.#die(fault, onFatal),
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
      onOddSizes: (peers): void => this.#die(oddSizesFault(file.path, peers), onFatal),
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
      fatal: (reason): void => this.#die(fatalFault(reason, this.#fatalFile()), onFatal),
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
      dataFile: { path, bytes: this.#storage.fileSize(), ioMode: mode, lock: lock.means },
      threadPoolSize: threadPoolSize(),
      clientConnections: this.#clients.count(),
      stateSize: {
        ...(this.#stateMachine.measure?.() ?? { bytes: null, refusals: 0 }),
        bytesMax: identity.config.stateBytesMax,
      },
      uptimeSeconds: (performance.now() - this.#startedAt) / 1000,
      counters: counterRecord(this.#instruments),
    };
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
    return { path, holdsOps: () => !holdsNoOp(fileReader(fd)) };
  }

  #die(fault: ServerFault, onFatal: (fault: ServerFault) => void): void {
    this.#logger.error('storage', 'giving up', { code: fault.code, err: fault.message });
    this.#halt();
    onFatal(fault);
  }

  /** Logged when it begins and when it ends, since it is tried again at every write. */
  #onGrowth(result: GrowthResult): void {
    const { growths } = this.#instruments;
    growths.add(result);
    const refused = result === 'refused';
    if (refused === this.#growthRefused) return;
    this.#growthRefused = refused;
    const { path } = this.#file;
    const bytes = this.#storage.fileSize();
    if (refused) this.#logger.warn('storage', 'no room for the data file to grow', { path, bytes });
    else this.#logger.info('storage', 'the data file grows again', { path, bytes });
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

const systemClock = {
  monotonic: (): number => Math.floor(performance.now() * 1000),
  wall: (): number => Date.now() * 1000,
};

function threadPoolSize(): number {
  return Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) || 4;
}

function hex128(value: bigint): string {
  return value.toString(16).padStart(32, '0');
}
