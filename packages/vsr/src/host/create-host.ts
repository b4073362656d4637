import { assert, unreachable } from '@kimberlite/store';
import { type BackupPoint, type BackupRefusal, backupPointOf } from '../backup/backup-point.ts';
import { HEADER_SIZE } from '../message/layout.ts';
import type { AnyMessage } from '../message/message.ts';
import { createReplica, type ReplicaOptions } from '../replica/create-replica.ts';
import type { Effect, ReplicaEvent } from '../replica/effect.ts';
import type { FatalReason } from '../replica/fatal-reasons.ts';
import type { Replica } from '../replica/replica.ts';
import type { ReplicaSnapshot } from '../replica/snapshot.ts';
import { snapshotOf } from '../replica/snapshot.ts';
import { beginStartup } from '../replica/startup.ts';
import { hasWork, step } from '../replica/step.ts';
import { HEADERS_PER_SECTOR, SUPERBLOCK_COPIES, SUPERBLOCK_COPY_SIZE } from '../storage-layout.ts';
import { fileOf } from '../superblock/introductions.ts';
import type { ReplicaHost } from './host.ts';
import type { ClockPort, SchedulerPort, StoragePort, TracePort, TransportPort } from './ports.ts';

/** The replica, and the ports through which it meets the world. */
export interface HostOptions extends ReplicaOptions {
  readonly storage: StoragePort;
  readonly transport: TransportPort;
  readonly clock: ClockPort;
  readonly scheduler: SchedulerPort;
  readonly trace: TracePort;
  /** The data file cannot be used, or the replica has diverged: the process must end. */
  readonly fatal: (reason: FatalReason) => void;
}

/**
 * The pump: one event at a time into the core, its effects out to the ports. The same object runs
 * in the server, in the simulator and in a browser.
 */
class Host implements ReplicaHost {
  private readonly options: HostOptions;
  private readonly replica: Replica;
  private readonly inbox: ReplicaEvent[];
  private running: boolean;
  private workPosted: boolean;
  private dead: boolean;

  constructor(options: HostOptions) {
    this.options = options;
    this.replica = createReplica(options);
    this.inbox = [];
    this.running = false;
    this.workPosted = false;
    this.dead = false;
  }

  start(): void {
    assert(!this.replica.opened, 'started once');
    beginStartup(this.replica);
    this.drain(this.replica.out.splice(0));
  }

  deliver(message: AnyMessage): void {
    const { clock } = this.options;
    this.post({ kind: 'message', message, monotonic: clock.monotonic(), wall: clock.wall() });
  }

  tick(): void {
    const { clock } = this.options;
    this.post({ kind: 'tick', monotonic: clock.monotonic(), wall: clock.wall() });
  }

  peerRefused(slot: number): void {
    this.post({ kind: 'peer_refused', slot });
  }

  snapshot(): ReplicaSnapshot {
    return snapshotOf(this.replica);
  }

  knownIncarnation(slot: number): bigint {
    return this.replica.opened ? fileOf(this.replica.introductions, slot).incarnation : 0n;
  }

  backupPoint(atLeast: number): BackupPoint | BackupRefusal {
    return backupPointOf(this.replica, atLeast);
  }

  /** Runs the event now, or after the one that is running: the core is never entered twice. */
  private post(event: ReplicaEvent): void {
    if (this.dead) return;
    this.inbox.push(event);
    if (this.running) return;
    this.running = true;
    for (let next = this.inbox.shift(); next !== undefined; next = this.inbox.shift()) {
      const out: Effect[] = [];
      step(this.replica, next, out);
      this.drain(out);
    }
    this.running = false;
    this.postWork();
  }

  private postWork(): void {
    if (this.workPosted || this.dead || !hasWork(this.replica)) return;
    this.workPosted = true;
    this.options.scheduler.postWork(() => {
      this.workPosted = false;
      this.post({ kind: 'work' });
    });
  }

  private drain(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (this.dead) return;
      this.perform(effect);
    }
  }

  private perform(effect: Effect): void {
    const { storage, transport, config } = this.options;
    switch (effect.kind) {
      case 'send':
        transport.sendToReplica(effect.to, effect.message);
        return;
      case 'send_client':
        transport.sendToClient(effect.client, effect.message);
        return;
      case 'write_prepare': {
        const { walSlot, message } = effect;
        const { checksum } = message.header;
        storage.write('wal_prepares', walSlot * config.messageSizeMax, message.bytes, () =>
          this.post({ kind: 'prepare_written', walSlot, checksum }),
        );
        return;
      }
      case 'write_headers': {
        const { sector, bytes } = effect;
        const offset = sector * HEADERS_PER_SECTOR * HEADER_SIZE;
        storage.write('wal_headers', offset, bytes, () =>
          this.post({ kind: 'headers_written', sector }),
        );
        return;
      }
      case 'read_headers':
        storage.read('wal_headers', 0, config.walSlots * HEADER_SIZE, (bytes) =>
          this.post({ kind: 'headers_read', bytes }),
        );
        return;
      case 'read_prepare':
        this.readPrepare(effect);
        return;
      case 'write_superblock':
        storage.write('superblock', effect.copy * SUPERBLOCK_COPY_SIZE, effect.bytes, () =>
          this.post({ kind: 'superblock_written' }),
        );
        return;
      case 'read_superblock':
        storage.read('superblock', 0, SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE, (bytes) =>
          this.post({ kind: 'superblock_read', bytes }),
        );
        return;
      case 'write_blocks': {
        const { address, bytes } = effect;
        storage.write('blocks', (address - 1) * config.blockSize, bytes, () =>
          this.post({ kind: 'blocks_written', address }),
        );
        return;
      }
      case 'read_block': {
        const { reference, serveTo } = effect;
        const offset = (reference.address - 1) * config.blockSize;
        storage.read('blocks', offset, config.blockSize, (bytes) =>
          this.post({ kind: 'block_read', reference, serveTo, bytes }),
        );
        return;
      }
      case 'read_scrub':
        storage.read(effect.zone, effect.offset, effect.length, (bytes) =>
          this.post({ kind: 'scrub_read', bytes }),
        );
        return;
      case 'trace':
        this.options.trace.trace(effect.event);
        return;
      case 'fatal':
        this.dead = true;
        this.options.fatal(effect.reason);
        return;
      default:
        unreachable(effect);
    }
  }

  private readPrepare(effect: Extract<Effect, { kind: 'read_prepare' }>): void {
    const { walSlot, op, checksum, purpose, length } = effect;
    const offset = walSlot * this.options.config.messageSizeMax;
    this.options.storage.read('wal_prepares', offset, length, (bytes) =>
      this.post({ kind: 'prepare_read', walSlot, op, checksum, purpose, bytes }),
    );
  }
}

/** A host around a new replica; call `start` once the ports are ready. */
export function createHost(options: HostOptions): ReplicaHost {
  return new Host(options);
}
