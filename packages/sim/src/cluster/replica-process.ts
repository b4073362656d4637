import { assert } from '@kimberlite/store';
import {
  type AnyMessage,
  type ClientId,
  type Prng,
  type ReplicaHost,
  type ReplicaSnapshot,
  type SchedulerPort,
  type StoragePort,
  TICK_MICROS,
  type TraceEvent,
  type TracePort,
  type TransportPort,
} from '@kimberlite/vsr';
import type { EventQueue } from '../std/event-queue.ts';
import { drawExponential } from '../std/exponential.ts';
import type { SimulatedStorage } from '../storage/storage.ts';
import type { SimulatedClock } from './clock.ts';

/** The ports that a replica's host is made with; a new set for each life of the process. */
export interface ProcessPorts {
  readonly storage: StoragePort;
  readonly transport: TransportPort;
  readonly clock: SimulatedClock;
  readonly scheduler: SchedulerPort;
  readonly trace: TracePort;
}

export interface ReplicaProcessSetup {
  readonly slot: number;
  readonly queue: EventQueue;
  readonly prng: Prng;
  readonly storage: SimulatedStorage;
  readonly clock: SimulatedClock;
  readonly workMeanMicros: number;
  /** Makes the host; called at each start. */
  readonly createHost: (ports: ProcessPorts) => ReplicaHost;
  readonly sendToReplica: (slot: number, message: AnyMessage) => void;
  readonly sendToClient: (client: ClientId, message: AnyMessage) => void;
  readonly onTrace: (event: TraceEvent) => void;
  /** Called after each call into the host, with the state that it left. */
  readonly onStepped: () => void;
  /** An armed crash strikes; the process and its writes in flight are still there. */
  readonly onCrashing: () => void;
  /** It happened: the process is gone, the disk has been told. */
  readonly onCrashed: () => void;
}

/** Mean wait of posted work where nothing else holds the process up, in microseconds. */
export const WORK_MEAN_MICROS = 500;
/** Inputs that pile up before a paused process; more are lost, as in a full socket buffer. */
const BACKLOG_MAX = 512;

/**
 * One replica's process: its host, and everything that happens to it. A crash may be armed to
 * happen after some more calls into the host or effects of it, also between two effects of one
 * step, as a kill would: what the host asks for after that is not done.
 */
export class ReplicaProcess {
  readonly slot: number;
  /** When it last went on after a pause, microseconds since the run began; -1 for never. */
  unpausedAt: number;
  private readonly setup: ReplicaProcessSetup;
  private host: ReplicaHost | null;
  /** Moves at each start and crash; what an older life asked for is not answered. */
  private life: number;
  private pausedNow: boolean;
  private backlog: (() => void)[];
  private ticksMissed: number;
  /** Calls and effects until the armed crash; null when none is armed. */
  private crashIn: number | null;
  /** The armed crash has struck inside the current call. */
  private dying: boolean;
  /** Everything that the host has asked for or told, counted. */
  private effects: number;
  /** A call into the host has begun, and has not come back. */
  private calling: boolean;

  constructor(setup: ReplicaProcessSetup) {
    this.slot = setup.slot;
    this.unpausedAt = -1;
    this.setup = setup;
    this.host = null;
    this.life = 0;
    this.pausedNow = false;
    this.backlog = [];
    this.ticksMissed = 0;
    this.crashIn = null;
    this.dying = false;
    this.effects = 0;
    this.calling = false;
  }

  /** What was thrown was thrown inside a call into the host: its own fault, or one it told of. */
  get interrupted(): boolean {
    return this.calling;
  }

  get running(): boolean {
    return this.host !== null;
  }

  get paused(): boolean {
    return this.pausedNow;
  }

  /** The state of the running replica, or null. */
  snapshot(): ReplicaSnapshot | null {
    return this.host === null ? null : this.host.snapshot();
  }

  start(): void {
    assert(this.host === null, 'starts when it is down');
    this.life += 1;
    const host = this.setup.createHost(this.ports(this.life));
    this.host = host;
    this.scheduleTick(this.life);
    this.call(() => host.start());
  }

  /** The process and its machine's power go at once: writes in flight may be torn. */
  crash(): void {
    assert(this.host !== null, 'crashes when it is up');
    this.host = null;
    this.life += 1;
    this.pausedNow = false;
    this.backlog = [];
    this.ticksMissed = 0;
    this.crashIn = null;
    this.dying = false;
    this.setup.storage.crash();
  }

  /** Crashes after so many more calls into the host or effects of it; 1 is the very next. */
  armCrash(events: number): void {
    assert(events >= 1, 'a crash lies ahead');
    if (this.host !== null) this.crashIn = events;
  }

  /** An armed crash does not happen. */
  disarm(): void {
    this.crashIn = null;
  }

  pause(): void {
    if (this.host !== null) this.pausedNow = true;
  }

  /** Goes on: what came meanwhile is taken at once, late ticks too. */
  unpause(): void {
    if (!this.pausedNow) return;
    this.pausedNow = false;
    this.unpausedAt = this.setup.queue.now;
    const { life } = this;
    const backlog = this.backlog;
    const ticks = this.ticksMissed;
    this.backlog = [];
    this.ticksMissed = 0;
    for (const input of backlog) if (life === this.life) this.call(input);
    for (let tick = 0; tick < ticks && life === this.life; tick += 1) {
      const { host } = this;
      if (host !== null) this.call(() => host.tick());
    }
  }

  /** A decoded message arrives; `around` is told when it is taken, which a pause puts off. */
  deliver(message: AnyMessage, around: ((take: () => void) => void) | null): void {
    const { host } = this;
    if (host === null) return;
    const take = (): void => host.deliver(message);
    this.input(around === null ? take : () => around(take));
  }

  /** Its dial of that peer was refused. */
  peerRefused(slot: number): void {
    const { host } = this;
    if (host !== null) this.input(() => host.peerRefused(slot));
  }

  private scheduleTick(life: number): void {
    this.setup.queue.after(this.setup.clock.trueDuration(TICK_MICROS), () => {
      const { host, effects } = this;
      if (life === this.life && host !== null) {
        this.scheduleTick(life);
        if (this.pausedNow) this.ticksMissed += 1;
        else this.call(() => host.tick());
      }
      if (effects === this.effects) this.setup.queue.idle();
    });
  }

  private input(run: () => void): void {
    if (!this.pausedNow) this.call(run);
    else if (this.backlog.length < BACKLOG_MAX) this.backlog.push(run);
  }

  /** A completion: never lost, however long the pause. */
  private completion(life: number, run: () => void): void {
    if (life !== this.life) return;
    if (this.pausedNow) this.backlog.push(run);
    else this.call(run);
  }

  private call(run: () => void): void {
    this.countDown();
    if (!this.dying) {
      this.calling = true;
      run();
      this.calling = false;
      if (!this.dying) this.setup.onStepped();
    }
    if (this.dying) {
      this.setup.onCrashing();
      this.crash();
      this.setup.onCrashed();
    }
  }

  /** One more event of an armed crash; true when the process is dead from here on. */
  private countDown(): boolean {
    if (this.crashIn === null) return this.dying;
    this.crashIn -= 1;
    if (this.crashIn <= 0) {
      this.crashIn = null;
      this.dying = true;
    }
    return this.dying;
  }

  private ports(life: number): ProcessPorts {
    const { setup } = this;
    const dead = (): boolean => {
      this.effects += 1;
      return life !== this.life || this.countDown();
    };
    return {
      clock: setup.clock,
      storage: {
        read: (zone, offset, length, done) => {
          if (dead()) return;
          setup.storage.read(zone, offset, length, (bytes) =>
            this.completion(life, () => done(bytes)),
          );
        },
        write: (zone, offset, bytes, done) => {
          if (dead()) return;
          setup.storage.write(zone, offset, bytes, () => this.completion(life, done));
        },
      },
      transport: {
        sendToReplica: (slot, message) => {
          if (!dead()) setup.sendToReplica(slot, message);
        },
        sendToClient: (client, message) => {
          if (!dead()) setup.sendToClient(client, message);
        },
      },
      scheduler: {
        postWork: (callback) => {
          const delay = drawExponential(setup.prng, setup.workMeanMicros);
          setup.queue.after(delay, () => {
            const { effects } = this;
            this.completion(life, callback);
            if (effects === this.effects) setup.queue.idle();
          });
        },
      },
      trace: {
        trace: (event) => {
          this.effects += 1;
          if (life === this.life && !this.dying) setup.onTrace(event);
        },
      },
    };
  }
}
