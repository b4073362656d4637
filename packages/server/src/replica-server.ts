import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import {
  type AnyMessage,
  createHost,
  Prng,
  ReadOutStorage,
  type ReplicaHost,
  releaseOf,
} from '@kimberlite/vsr';
import { BackupService } from './backup/backup-service.ts';
import { sha256 } from './checksum.ts';
import type { Configuration } from './configuration/configuration.ts';
import { isFault, type ServerFault } from './errors.ts';
import { type FatalFile, fatalFault, oddSizesFault } from './fatal-fault.ts';
import { hex128 } from './hex128.ts';
import { type Address, formatAddress } from './network/address.ts';
import { ClientListener } from './network/client-listener.ts';
import type { SelfIdentity } from './network/greeting.ts';
import { type Listener, listenAt, sharedAddressFault } from './network/listener.ts';
import { PeerLinks } from './network/peer-links.ts';
import { defaultAddress } from './network/ports.ts';
import { TurnBatch } from './network/send-queue.ts';
import { GrowthLog } from './observe/growth-log.ts';
import { type HttpListener, listenHttp } from './observe/http-listener.ts';
import { Instruments } from './observe/instruments.ts';
import type { Logger } from './observe/logger.ts';
import { MachineSize } from './observe/machine-size.ts';
import { networkObserver } from './observe/network-observer.ts';
import { openLog } from './observe/open-log.ts';
import { counterRecord, type StatusRecord } from './observe/status.ts';
import { storageObserver } from './observe/storage-observer.ts';
import { TraceLog } from './observe/trace-log.ts';
import { exitWith } from './process-end.ts';
import { VERSION } from './release.ts';
import type { RunningReplica, StartReplicaOptions } from './running-replica.ts';
import { scrubPace } from './scrub-pace.ts';
import type { OpenDataFile } from './storage/data-file.ts';
import { FileStorage } from './storage/file-storage.ts';
import { THREAD_POOL_SIZE, threadPoolSize } from './storage/thread-pool.ts';
import { fileReader, holdsNoOp, tookAPlace } from './storage/unused-log.ts';
import { systemTickerClock, Ticker } from './ticker.ts';

const SILENCE_CHECK_MILLIS = 1000;

const systemClock = {
  monotonic: (): number => Math.floor(performance.now() * 1000),
  wall: (): number => Date.now() * 1000,
};

/** One replica with its file, sockets, timers and log, wired together. */
export class ReplicaServer implements RunningReplica {
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
  readonly #machineSize: MachineSize;
  readonly #onFatal: (fault: ServerFault) => void;
  readonly #startedAt: number;
  readonly #listeners: (Listener | HttpListener)[];
  #silenceTimer: NodeJS.Timeout | null;
  #stopped: Promise<void> | null;
  /** It was told why this replica cannot go on. */
  #dead: boolean;

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
    this.#machineSize = new MachineSize(options.stateMachine, this.#logger);
    const growth = new GrowthLog({
      logger: this.#logger,
      instruments: this.#instruments,
      path: file.path,
    });
    this.#storage = new FileStorage({
      fd: file.fd,
      path: file.path,
      mode: options.ioMode ?? file.mode,
      size: file.size,
      config,
      onFatal: (fault): void => this.#die('storage', fault),
      observer: storageObserver(this.#instruments),
      onGrowth: (result): void => {
        const waiting = this.#storage.waitingBytes();
        growth.note(result, { size: this.#storage.fileSize(), waiting });
      },
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
    this.#startedAt = performance.now();
    this.#listeners = [];
    this.#silenceTimer = null;
    this.#stopped = null;
    this.#dead = false;
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
        ...this.#machineSize.measure(),
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
    return {
      path,
      tookAPlace: () => tookAPlace(fileReader(fd)),
      holdsOps: () => !holdsNoOp(fileReader(fd)),
    };
  }

  #die(component: 'storage' | 'process', fault: ServerFault): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#logger.error(component, 'giving up', { code: fault.code, err: fault.message });
    this.#halt();
    this.#onFatal(fault);
  }
}
