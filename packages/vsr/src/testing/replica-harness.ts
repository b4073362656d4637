import { assert, mix128, unreachable } from '@kimberlite/store';
import { type ClusterConfig, CONFIG_SIMULATION } from '../config.ts';
import { formatReplica } from '../format.ts';
import { machineIdentityOf } from '../machine-identity.ts';
import type { Command, FieldsToSend, OwnFields } from '../message/layout.ts';
import { HEADER_SIZE } from '../message/layout.ts';
import { type AnyMessage, encodeMessage, isCommand, type Message } from '../message/message.ts';
import { createReplica } from '../replica/create-replica.ts';
import type { Effect, ReplicaEvent } from '../replica/effect.ts';
import { SCRUB_DEFAULT, type ScrubOptions } from '../replica/repair/scrub.ts';
import type { Replica } from '../replica/replica.ts';
import { beginStartup } from '../replica/startup.ts';
import { hasWork, step } from '../replica/step.ts';
import type { TraceEvent } from '../replica/trace.ts';
import type { StateMachine } from '../state-machine.ts';
import { type ClientId, Op, View, ZERO_CHECKSUM } from '../std/numbers.ts';
import { Prng } from '../std/prng.ts';
import { TICK_MICROS } from '../std/tick.ts';
import type { Zone } from '../storage-layout.ts';
import { HEADERS_PER_SECTOR, SUPERBLOCK_COPIES, SUPERBLOCK_COPY_SIZE } from '../storage-layout.ts';
import { mutualIntroductions } from '../superblock/introductions.ts';
import { counterMachine } from './counter-machine.ts';
import { DataFile } from './data-file.ts';
import { FIXTURE_CLUSTER } from './log-fixture.ts';
import { checkpointFields } from './wal-disk.ts';

/** Kinds of effects that complete with an event. */
export type IoKind = Exclude<Effect['kind'], 'send' | 'send_client' | 'trace' | 'fatal'>;

type Io = Extract<Effect, { kind: IoKind }>;

/** A message of a peer, in `view`. */
export function fromPeer<C extends Command>(
  author: { readonly slot: number; readonly view: number; readonly incarnation?: bigint },
  command: C,
  fields: OwnFields<C>,
  body: Uint8Array | null = null,
): Message<C> {
  const common = {
    cluster: FIXTURE_CLUSTER,
    replica: author.slot,
    view: View(author.view),
    release: 1,
    incarnation: author.incarnation ?? 9n,
  };
  const all = { ...common, ...fields } as FieldsToSend<C>; // SAFETY: the two parts make the whole.
  return encodeMessage(command, all, body, mix128);
}

/** A pong of a peer that knows this replica, to the first ping of all. */
export function greeting(peer: number, word: Partial<OwnFields<'pong'>> = {}): Message<'pong'> {
  const known = { pingIncarnation: 9n, knownIncarnation: 9n, knownSince: Op(0) };
  const promised = { promisedView: View(0), promisedLogView: View(0), promisedOp: Op(0) };
  const asked = { pingMonotonic: STARTED_AT, pingLife: firstLife() };
  const rest = { ...checkpointFields(), ...asked, pongWall: 0, life: 1 };
  return fromPeer({ slot: peer, view: 0 }, 'pong', { ...known, ...promised, ...rest, ...word });
}

/** A ping of a peer's file, by default its first. */
export function pingOf(
  slot: number,
  options: { incarnation?: bigint; view?: number; logView?: number; op?: number } = {},
): Message<'ping'> {
  const { incarnation = 9n, view = 0 } = options;
  const word = {
    promisedView: View(view),
    promisedLogView: View(options.logView ?? 0),
    promisedOp: Op(options.op ?? 0),
  };
  const fields = {
    checkpointId: ZERO_CHECKSUM,
    checkpointOp: Op(0),
    op: Op(0),
    commit: Op(0),
    ...word,
    monotonic: 5,
    life: 1,
    status: 1,
    clock: 1,
  };
  return fromPeer({ slot, view, incarnation }, 'ping', fields);
}

/** The life of a replica whose generator has the usual seed. */
function firstLife(): number {
  const prng = new Prng(SEED);
  prng.fork();
  return prng.u32();
}

/** Of a harness' generator, unless the test names another. */
const SEED = 5n;
/** Monotonic time at which a harness begins. */
const STARTED_AT = 1_000_000;

export interface HarnessOptions {
  readonly slot: number;
  readonly replicaCount?: number;
  readonly config?: ClusterConfig;
  /** Blocks kept in memory; default many. */
  readonly cacheBlocks?: number;
  /** A counter by default. */
  readonly stateMachine?: StateMachine;
  /** Default true: all have met, and peers greet at the start. */
  readonly introduced?: boolean;
  /** A file that an earlier life has written; else a new one is formatted. */
  readonly file?: DataFile;
  /** How the scrubber is paced; as in production by default. */
  readonly scrub?: ScrubOptions;
  /** Of its generator; `SEED` by default. */
  readonly seed?: bigint;
}

/**
 * One replica, driven by hand: every I/O waits until the test completes it, every message is in the
 * test's hands. Nothing happens by itself.
 */
export class ReplicaHarness {
  readonly options: HarnessOptions;
  readonly config: ClusterConfig;
  readonly file: DataFile;
  readonly replica: Replica;
  readonly traces: TraceEvent[] = [];
  readonly fatals: string[] = [];
  /** What the scrubber has asked the disk for. */
  readonly scrubReads: { readonly zone: Zone; readonly offset: number; readonly length: number }[] =
    [];
  private readonly pending: Io[] = [];
  private sent: { readonly to: number; readonly message: AnyMessage }[] = [];
  private answers: { readonly client: ClientId; readonly message: AnyMessage }[] = [];
  private monotonic = STARTED_AT;

  constructor(options: HarnessOptions) {
    this.options = options;
    this.config = options.config ?? CONFIG_SIMULATION;
    const { slot, replicaCount = 3 } = options;
    this.file =
      options.file ??
      new DataFile(
        this.config,
        formatReplica({
          config: this.config,
          machine: machineIdentityOf(options.stateMachine ?? counterMachine(), mix128),
          cluster: FIXTURE_CLUSTER,
          slot,
          replicaCount,
          incarnation: 9n,
          checksum: mix128,
          ...(options.introduced === false
            ? {}
            : {
                introductions: mutualIntroductions(
                  slot,
                  Array.from({ length: replicaCount }, () => 9n),
                ),
              }),
        }),
      );
    this.replica = createReplica({
      config: this.config,
      checksum: mix128,
      cluster: FIXTURE_CLUSTER,
      slot,
      release: 1,
      stateMachine: options.stateMachine ?? counterMachine(),
      prng: new Prng(options.seed ?? SEED),
      scrub: options.scrub ?? SCRUB_DEFAULT,
      blockCacheSize: (options.cacheBlocks ?? 1000) * this.config.blockSize,
    });
  }

  /** Reads the file, and stops when all I/O has ended. */
  start(): this {
    beginStartup(this.replica);
    this.drain(this.replica.out.splice(0));
    this.settle();
    if (this.options.introduced !== false) this.greetAll();
    return this;
  }

  /** Every peer answers a ping and remembers no promise. */
  private greetAll(): void {
    const { slot, replicaCount = 3 } = this.options;
    for (let peer = 0; peer < replicaCount; peer += 1) {
      if (peer !== slot) this.deliver(greeting(peer, { pingLife: this.replica.life }));
    }
    this.settle();
  }

  /** Another life on the same file; what was in flight never happened. */
  restart(): ReplicaHarness {
    return new ReplicaHarness({ ...this.options, file: this.file }).start();
  }

  private step(event: ReplicaEvent): void {
    const out: Effect[] = [];
    step(this.replica, event, out);
    this.drain(out);
  }

  private drain(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'send') this.sent.push(effect);
      else if (effect.kind === 'send_client') this.answers.push(effect);
      else if (effect.kind === 'trace') this.traces.push(effect.event);
      else if (effect.kind === 'fatal') this.fatals.push(effect.reason);
      else {
        if (effect.kind === 'read_scrub') this.scrubReads.push(effect);
        this.pending.push(effect);
      }
    }
  }

  deliver(message: Message): void {
    const any = message as AnyMessage; // SAFETY: of one command.
    const wall = 1_700_000_000_000_000 + this.monotonic;
    this.step({ kind: 'message', message: any, monotonic: this.monotonic, wall });
  }

  tick(count = 1): void {
    for (let tick = 0; tick < count; tick += 1) {
      this.monotonic += TICK_MICROS;
      const wall = 1_700_000_000_000_000 + this.monotonic;
      this.step({ kind: 'tick', monotonic: this.monotonic, wall });
    }
  }

  /** Time passes, and nothing happens: the process is held up. */
  sleep(micros: number): void {
    this.monotonic += micros;
  }

  /** What I/O waits, oldest first. */
  get waiting(): IoKind[] {
    return this.pending.map(({ kind }) => kind);
  }

  /** Completes a waiting I/O of this kind: the oldest, or one that was asked for later. */
  complete(kind: IoKind, place = 0): void {
    const io = this.pending.filter((candidate) => candidate.kind === kind)[place];
    assert(io !== undefined, 'an I/O of this kind waits');
    this.pending.splice(this.pending.indexOf(io), 1);
    this.step(this.perform(io));
  }

  /** Completes all I/O that waits, but for these kinds, and all that follows from it. */
  settle(...except: readonly IoKind[]): void {
    for (let rounds = 0; rounds < 10_000; rounds += 1) {
      const next = this.waiting.find((kind) => !except.includes(kind));
      if (next !== undefined) this.complete(next);
      else if (hasWork(this.replica)) this.step({ kind: 'work' });
      else return;
    }
    assert(false, 'I/O comes to an end');
  }

  private perform(io: Io): ReplicaEvent {
    const { messageSizeMax, walSlots, blockSize } = this.config;
    switch (io.kind) {
      case 'write_prepare': {
        const { walSlot, message } = io;
        this.file.write('wal_prepares', walSlot * messageSizeMax, message.bytes);
        return { kind: 'prepare_written', walSlot, checksum: message.header.checksum };
      }
      case 'write_headers':
        this.file.write('wal_headers', io.sector * HEADERS_PER_SECTOR * HEADER_SIZE, io.bytes);
        return { kind: 'headers_written', sector: io.sector };
      case 'read_headers': {
        const bytes = this.file.read('wal_headers', 0, walSlots * HEADER_SIZE);
        return { kind: 'headers_read', bytes };
      }
      case 'read_prepare': {
        const { walSlot, op, checksum, purpose, length } = io;
        const bytes = this.file.read('wal_prepares', walSlot * messageSizeMax, length);
        return { kind: 'prepare_read', walSlot, op, checksum, purpose, bytes };
      }
      case 'write_superblock':
        this.file.write('superblock', io.copy * SUPERBLOCK_COPY_SIZE, io.bytes);
        return { kind: 'superblock_written' };
      case 'read_superblock': {
        const bytes = this.file.read('superblock', 0, SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE);
        return { kind: 'superblock_read', bytes };
      }
      case 'write_blocks':
        this.file.write('blocks', (io.address - 1) * blockSize, io.bytes);
        return { kind: 'blocks_written', address: io.address };
      case 'read_block': {
        const { reference, serveTo } = io;
        const bytes = this.file.read('blocks', (reference.address - 1) * blockSize, blockSize);
        return { kind: 'block_read', reference, serveTo, bytes };
      }
      case 'read_scrub':
        return { kind: 'scrub_read', bytes: this.file.read(io.zone, io.offset, io.length) };
      default:
        return unreachable(io);
    }
  }

  /** Messages to peers since the last call, of one command. */
  take<C extends Command>(command: C): { readonly to: number; readonly message: Message<C> }[] {
    const found: { readonly to: number; readonly message: Message<C> }[] = [];
    for (const { to, message } of this.sent) {
      if (isCommand(message, command)) found.push({ to, message });
    }
    this.sent = this.sent.filter(({ message }) => message.header.command !== command);
    return found;
  }

  /** Commands of all messages to peers since the last call of this or `take`. */
  takeAll(): string[] {
    return this.sent.splice(0).map(({ to, message }) => `${message.header.command} to ${to}`);
  }

  /** Messages to clients since the last call. */
  takeAnswers(): { readonly client: ClientId; readonly message: AnyMessage }[] {
    return this.answers.splice(0);
  }

  /** Trace events of one kind, from the beginning. */
  traced<K extends TraceEvent['kind']>(kind: K): Extract<TraceEvent, { kind: K }>[] {
    // SAFETY: filtered by the kind.
    return this.traces.filter((event) => event.kind === kind) as Extract<TraceEvent, { kind: K }>[];
  }
}
