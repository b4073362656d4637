import { assert, Slab } from '@kimberlite/store';
import {
  type AnyMessage,
  type Command,
  OFFSET_CHECKSUM,
  OFFSET_CHECKSUM_BODY,
  type Prng,
} from '@kimberlite/vsr';
import type { FaultGate } from '../faults/fault-gate.ts';
import type { EventQueue } from '../std/event-queue.ts';
import { drawExponential } from '../std/exponential.ts';
import { CONGESTION_OFF, Congestion, type CongestionOptions } from './congestion.ts';
import { NodeHealths } from './node-health.ts';

/** How links behave. Probabilities are per packet unless said otherwise; times in microseconds. */
export interface NetworkOptions {
  readonly delayMinMicros: number;
  /** Mean of what comes on top of the least delay; exponentially distributed. */
  readonly delayMeanMicros: number;
  readonly lossProbability: number;
  /** On top of `lossProbability`, for packets of these commands. */
  readonly lossByCommand: Readonly<Partial<Record<Command, number>>>;
  /** From this time of the run on, in microseconds. */
  readonly lossByCommandFrom: number;
  /** Only of packets to this node; null for all. */
  readonly lossByCommandTo: number | null;
  /** A delivered packet is delivered once more, later; possibly again and again. */
  readonly replayProbability: number;
  /**
   * Whether requests and their refusals are replayed too. A client may report a definite refusal
   * only over transports that duplicate neither, so the checker of those is off where this is on.
   */
  readonly replayRequests: boolean;
  /**
   * A delivered packet comes once more after a long time, when its view is history: what a stuck
   * process or a queue on the way had kept. It overtakes and is overtaken, and fills no link.
   */
  readonly echoProbability: number;
  readonly echoMeanMicros: number;
  /** Only packets of these commands; null for all. */
  readonly echoCommands: readonly Command[] | null;
  /** One bit of the packet arrives inverted. */
  readonly garbleProbability: number;
  /** Of these, the share in which it is a bit of a checksum for sure. */
  readonly garbleChecksums: number;
  /** Packets in flight on one link; above it a random one is dropped. At least 1. */
  readonly capacity: number;
  /** Packets of one link may overtake one another. */
  readonly reorder: boolean;
  /** Per link and tick: everything on the link waits for a while. */
  readonly clogProbability: number;
  readonly clogMeanMicros: number;
  readonly congestion: CongestionOptions;
}

/** Fast, faithful links: nothing is lost, delayed for long, doubled or reordered. */
export const NETWORK_CALM: NetworkOptions = {
  delayMinMicros: 1_000,
  delayMeanMicros: 1_000,
  lossProbability: 0,
  lossByCommand: {},
  lossByCommandFrom: 0,
  lossByCommandTo: null,
  replayProbability: 0,
  replayRequests: false,
  echoProbability: 0,
  echoMeanMicros: 0,
  echoCommands: null,
  garbleProbability: 0,
  garbleChecksums: 0,
  capacity: 1_000,
  reorder: false,
  clogProbability: 0,
  clogMeanMicros: 0,
  congestion: CONGESTION_OFF,
};

const CHECKSUM_OFFSETS: readonly number[] = [OFFSET_CHECKSUM, OFFSET_CHECKSUM_BODY];
const CHECKSUM_SIZE = 16;

/** Bytes on their way from one node to another. Replicas are nodes 0 to R - 1, then clients. */
export interface Packet {
  readonly from: number;
  readonly to: number;
  readonly command: Command;
  readonly bytes: Uint8Array;
  /** The kind of the mutation that made these bytes; null of what their author said. */
  readonly lie: string | null;
}

/** Decides about a packet when it is sent. For scripted tests. */
export type PacketFilter = (packet: Packet) => 'deliver' | 'drop';

/** What became of packets. */
export interface NetworkCounts {
  sent: number;
  delivered: number;
  lost: number;
  /** Lost on a congested link. */
  congested: number;
  /** Lost for their command. */
  lostByCommand: number;
  /** Lost because one end is ill. */
  lostByIllness: number;
  cut: number;
  overflowed: number;
  replayed: number;
  echoed: number;
  garbled: number;
  /** Of those, the ones with the wrong bit in a checksum. */
  checksumsGarbled: number;
  clogs: number;
  /** Heartbeats and pings that arrived. */
  heartbeats: number;
}

interface InFlight {
  readonly packet: Packet;
  dropped: boolean;
}

/** One direction between two nodes. */
interface Link {
  readonly inFlight: InFlight[];
  clogUntil: number;
  /** On top of every packet's delay, in microseconds. */
  extraDelay: number;
  /** Latest arrival so far, for links that keep the order. */
  lastArrival: number;
  cut: boolean;
}

export interface NetworkSetup {
  readonly queue: EventQueue;
  readonly prng: Prng;
  readonly options: NetworkOptions;
  readonly nodeCount: number;
  /** Asked about each fault that was drawn; null lets all happen. */
  readonly faults: FaultGate | null;
  /** Takes a packet that arrives, with no verdict yet about its bytes. */
  readonly receive: (packet: Packet) => void;
}

/**
 * Simulated links between all pairs of nodes. Messages cross as bytes: what arrives has to be
 * decoded again. The buffer is copied when it is sent, so what the sender does to its own later is
 * not seen by anybody.
 */
export class Network {
  readonly counts: NetworkCounts;
  readonly congestion: Congestion;
  /** Of each node's own end of its links. */
  readonly health: NodeHealths;
  /** Asked about each packet as it is sent; null lets all pass. */
  filter: PacketFilter | null;
  private readonly queue: EventQueue;
  private readonly prng: Prng;
  /** Apart from that of packets, which are not the same in a replay without some faults. */
  private readonly clogPrng: Prng;
  private readonly nodeCount: number;
  private readonly faults: FaultGate | null;
  private readonly receive: (packet: Packet) => void;
  private readonly links: Link[];
  /** Memory of packets: their senders go on with their own bytes. */
  private readonly packets: Slab = new Slab(64 * 1024);
  private options: NetworkOptions;

  constructor(setup: NetworkSetup) {
    assert(setup.options.capacity >= 1, 'a link holds at least one packet');
    this.queue = setup.queue;
    this.prng = setup.prng;
    this.clogPrng = setup.prng.fork();
    this.nodeCount = setup.nodeCount;
    this.faults = setup.faults;
    this.receive = setup.receive;
    this.options = setup.options;
    this.filter = null;
    const { nodeCount, faults } = setup;
    const { congestion } = setup.options;
    this.congestion = new Congestion({
      prng: setup.prng,
      options: congestion,
      nodeCount,
      faults,
    });
    this.health = new NodeHealths(setup.prng, nodeCount);
    this.links = [];
    for (let index = 0; index < setup.nodeCount * setup.nodeCount; index += 1) {
      this.links.push({ inFlight: [], clogUntil: 0, extraDelay: 0, lastArrival: 0, cut: false });
    }
    this.counts = {
      sent: 0,
      delivered: 0,
      lost: 0,
      congested: 0,
      lostByCommand: 0,
      lostByIllness: 0,
      cut: 0,
      overflowed: 0,
      replayed: 0,
      echoed: 0,
      garbled: 0,
      checksumsGarbled: 0,
      clogs: 0,
      heartbeats: 0,
    };
  }

  /** From now on links behave like this; what is in flight keeps its delay. */
  setOptions(options: NetworkOptions): void {
    assert(options.capacity >= 1, 'a link holds at least one packet');
    this.options = options;
  }

  send(from: number, to: number, message: AnyMessage): void {
    assert(from !== to, 'nobody sends to itself through the network');
    const bytes = this.packets.take(message.bytes.length);
    bytes.set(message.bytes);
    this.sendPacket({ from, to, command: message.header.command, bytes, lie: null });
  }

  /** Puts a packet on its link, as if its author had sent it just now. */
  sendPacket(packet: Packet): void {
    this.counts.sent += 1;
    const link = this.link(packet.from, packet.to);
    if (this.filter !== null && this.filter(packet) === 'drop') return;
    if (link.cut) {
      this.counts.cut += 1;
      return;
    }
    const { from, to } = packet;
    if (
      this.prng.chance(this.options.lossProbability) &&
      (this.faults?.allow('loss', from, to) ?? true)
    ) {
      this.counts.lost += 1;
      return;
    }
    if (this.isLostOtherwise(packet)) return;
    this.enqueue(link, this.garble(packet));
  }

  /** Losses that have a cause: the packet's command, a congested link, an end that is ill. */
  private isLostOtherwise({ from, to, command }: Packet): boolean {
    const { lossByCommand, lossByCommandTo } = this.options;
    const byCommand = lossByCommand[command] ?? 0;
    if (
      byCommand > 0 &&
      (lossByCommandTo === null || lossByCommandTo === to) &&
      this.queue.now >= this.options.lossByCommandFrom &&
      this.prng.chance(byCommand) &&
      (this.faults?.allow('command_loss', from, to) ?? true)
    ) {
      this.counts.lostByCommand += 1;
      return true;
    }
    if (this.congestion.loses(from, to)) {
      this.counts.congested += 1;
      return true;
    }
    if (this.health.loses(from, to)) {
      this.counts.lostByIllness += 1;
      return true;
    }
    return false;
  }

  /** Cuts or heals one direction. What arrives on a cut link is lost. */
  setCut(from: number, to: number, cut: boolean): void {
    this.link(from, to).cut = cut;
  }

  /** From now on packets of this direction take so many microseconds longer. */
  setExtraDelay(from: number, to: number, micros: number): void {
    assert(micros >= 0, 'nothing arrives before it was sent');
    this.link(from, to).extraDelay = micros;
  }

  isCut(from: number, to: number): boolean {
    return this.link(from, to).cut;
  }

  /** Ends all clogging and congestion; the packets that waited arrive from now on. */
  unclog(): void {
    this.congestion.end();
    for (const link of this.links) link.clogUntil = 0;
  }

  /** Once a tick: draws which links clog. */
  tick(): void {
    this.congestion.tick();
    const { clogProbability, clogMeanMicros } = this.options;
    if (clogProbability === 0) return;
    for (const link of this.links) {
      if (!this.clogPrng.chance(clogProbability)) continue;
      const length = drawExponential(this.clogPrng, clogMeanMicros);
      const index = this.links.indexOf(link);
      const from = Math.floor(index / this.nodeCount);
      if (this.faults?.allow('clog', from, index % this.nodeCount) === false) continue;
      this.counts.clogs += 1;
      link.clogUntil = this.queue.now + length;
    }
  }

  private link(from: number, to: number): Link {
    const link = this.links[from * this.nodeCount + to];
    assert(link !== undefined, 'both nodes exist');
    return link;
  }

  private garble(packet: Packet): Packet {
    if (!this.prng.chance(this.options.garbleProbability)) return packet;
    const bytes = packet.bytes.slice();
    const at = this.garbledByte(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << this.prng.below(8));
    if (this.faults?.allow('garble', packet.from, packet.to) === false) return packet;
    this.counts.garbled += 1;
    if (isOfChecksum(at)) this.counts.checksumsGarbled += 1;
    return { ...packet, bytes };
  }

  private garbledByte(length: number): number {
    const { garbleChecksums } = this.options;
    if (garbleChecksums === 0 || !this.prng.chance(garbleChecksums)) return this.prng.below(length);
    return this.prng.pick(CHECKSUM_OFFSETS) + this.prng.below(CHECKSUM_SIZE);
  }

  private enqueue(link: Link, packet: Packet): void {
    const entry: InFlight = { packet, dropped: false };
    link.inFlight.push(entry);
    if (
      link.inFlight.length > this.options.capacity &&
      (this.faults?.allow('overflow', packet.from, packet.to) ?? true)
    ) {
      const at = this.prng.below(link.inFlight.length);
      const victim = link.inFlight[at];
      assert(victim !== undefined, 'the victim is in flight');
      victim.dropped = true;
      link.inFlight.splice(at, 1);
      this.counts.overflowed += 1;
      if (victim === entry) return;
    }
    const { delayMinMicros, delayMeanMicros, reorder } = this.options;
    const { from, to } = packet;
    const factor = this.congestion.delayFactor(from, to) * this.health.delayFactor(from, to);
    const drawn = drawExponential(this.prng, delayMeanMicros);
    const delay = factor * (delayMinMicros + link.extraDelay + drawn);
    let arrival = this.queue.now + delay;
    if (!reorder && arrival < link.lastArrival) arrival = link.lastArrival;
    if (arrival > link.lastArrival) link.lastArrival = arrival;
    this.queue.after(arrival - this.queue.now, () => this.arrive(link, entry));
  }

  private arrive(link: Link, entry: InFlight): void {
    if (entry.dropped) {
      this.queue.idle();
      return;
    }
    if (link.clogUntil > this.queue.now) {
      this.queue.idle();
      this.queue.after(link.clogUntil - this.queue.now, () => this.arrive(link, entry));
      return;
    }
    link.inFlight.splice(link.inFlight.indexOf(entry), 1);
    if (link.cut) {
      this.counts.cut += 1;
      this.queue.idle();
      return;
    }
    const { packet } = entry;
    const { replayProbability, replayRequests } = this.options;
    if (
      replayProbability > 0 &&
      (replayRequests || !isCounted(packet)) &&
      this.prng.chance(replayProbability) &&
      (this.faults?.allow('replay', packet.from, packet.to) ?? true)
    ) {
      this.counts.replayed += 1;
      this.enqueue(link, packet);
    }
    this.deliver(link, packet);
  }

  private deliver(link: Link, packet: Packet): void {
    const { echoProbability } = this.options;
    if (echoProbability > 0 && this.prng.chance(echoProbability)) this.echo(link, packet);
    if (this.faults?.allow('delivery', packet.from, packet.to) === false) return;
    this.counts.delivered += 1;
    if (packet.command === 'commit' || packet.command === 'ping') this.counts.heartbeats += 1;
    this.receive(packet);
  }

  private echo(link: Link, packet: Packet): void {
    const { echoMeanMicros, echoCommands, replayRequests } = this.options;
    if (isCounted(packet) && !replayRequests) return;
    if (echoCommands !== null && !echoCommands.includes(packet.command)) return;
    const delay = drawExponential(this.prng, echoMeanMicros);
    if (this.faults?.allow('echo', packet.from, packet.to) === false) return;
    this.counts.echoed += 1;
    this.queue.after(delay, () => {
      if (link.cut) this.counts.cut += 1;
      else this.deliver(link, packet);
    });
  }
}

function isOfChecksum(at: number): boolean {
  return CHECKSUM_OFFSETS.some((offset) => at >= offset && at < offset + CHECKSUM_SIZE);
}

/** Clients count their copies of a request and the refusals of these: what comes twice misleads. */
function isCounted({ command }: Packet): boolean {
  return command === 'request' || command === 'refusal';
}
