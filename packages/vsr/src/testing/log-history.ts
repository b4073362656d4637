import { assert, present } from '@kimberlite/store';
import { type Quorums, quorumsOf } from '../membership.ts';
import { type LogHeader, logHeaderOf } from '../message/header-list.ts';
import type { PrepareMessage } from '../message/message.ts';
import { type DvcLog, selectLog } from '../replica/view-change/select-log.ts';
import { type SlotSet, setAdd, setCount, setHas } from '../std/bitset.ts';
import { Op, View } from '../std/numbers.ts';
import type { Prng } from '../std/prng.ts';
import { fixtureRoot, prepareAfter } from './log-fixture.ts';

const PIPELINE = 4;

/** What a replica has of one op: nothing else is ever said of it in a vote. */
interface Held {
  readonly message: PrepareMessage;
  durable: boolean;
  inMemory: boolean;
  /** Its slot has rotted since; `durable` is false then. */
  faulty: boolean;
  /** The header is gone too: unreadable (when faulty), or never written. */
  blank: boolean;
}

interface Node {
  readonly slot: number;
  view: number;
  logView: number;
  /** Leads the view that its log is of. */
  leads: boolean;
  /** Has chosen that log, and leads once it is whole; after a restart it gives way instead. */
  chosen: boolean;
  commitMin: number;
  /** Its log may have ended higher than it can read: it has no vote until it has a log again. */
  uncertain: boolean;
  log: Held[];
  /** Head of the log when log_view was written, and so the top of its durable headers. */
  durableHead: number;
  /** Headers of its do_view_change, while the view changes; they are durable with the view. */
  frozen: (LogHeader | null)[] | null;
}

/** One view's acks and commits, as its primary counts them. */
interface Reign {
  commit: number;
  readonly acks: Map<number, SlotSet>;
}

/**
 * A cluster reduced to what the choice of a log depends on: who has which op, in which view, on
 * disk, in memory or rotten. Messages are lost, late and reordered by simply not happening. What a
 * replication quorum has acknowledged, in order, is committed; whatever votes are then put
 * together, no choice may drop it.
 */
export class LogHistory {
  private readonly prng: Prng;
  private readonly rot: boolean;
  private readonly quorums: Quorums;
  private readonly nodes: Node[];
  private readonly reigns: Map<number, Reign>;
  private readonly made: Map<bigint, PrepareMessage>;
  private readonly committed: PrepareMessage[];
  choices: number;
  dropped: number;

  constructor(options: { readonly prng: Prng; readonly replicas: number; readonly rot: boolean }) {
    this.prng = options.prng;
    this.rot = options.rot;
    this.quorums = quorumsOf(options.replicas);
    const root = fixtureRoot();
    this.made = new Map([[root.header.checksum, root]]);
    this.committed = [root];
    this.reigns = new Map([[0, { commit: 0, acks: new Map() }]]);
    this.nodes = Array.from({ length: options.replicas }, (_, slot) => ({
      slot,
      view: 0,
      logView: 0,
      leads: slot === 0,
      chosen: false,
      commitMin: 0,
      uncertain: false,
      log: [{ message: root, durable: true, inMemory: true, faulty: false, blank: false }],
      durableHead: 0,
      frozen: null,
    }));
    this.choices = 0;
    this.dropped = 0;
  }

  get commits(): number {
    return this.committed.length - 1;
  }

  step(): void {
    const node = this.prng.pick(this.nodes);
    const draw = this.prng.below(100);
    if (node.uncertain) this.follow(node);
    else if (draw < 18) this.prepare(this.primaryOf(node.view));
    else if (draw < 42) this.deliver(node);
    else if (draw < 64) this.flush(node);
    else if (draw < 76) this.commit(node);
    else if (draw < 82) this.leaveView(node);
    else if (draw < 89) this.candidate(this.primaryOf(node.view));
    else if (draw < 94) this.lead(this.primaryOf(node.view));
    else if (draw < 98) this.follow(node);
    else if (draw < 99) this.restart(node);
    else if (this.rot) this.spoil(node);
  }

  private primaryOf(view: number): Node {
    return present(this.nodes[view % this.nodes.length]);
  }

  private reign(view: number): Reign {
    return present(this.reigns.get(view), 'the view has begun');
  }

  private prepare(node: Node): void {
    if (!node.leads) return;
    const head = node.log.length - 1;
    const { commit } = this.reign(node.view);
    if (head - commit >= PIPELINE) return;
    const top = present(node.log[head]);
    const timestamp = this.prng.below(1_000_000);
    const message = prepareAfter(top.message, { view: node.view, commit, timestamp });
    this.made.set(message.header.checksum, message);
    node.log.push({ message, durable: false, inMemory: true, faulty: false, blank: false });
  }

  /** The next op of its view's primary, or a body that it lacks. */
  private deliver(node: Node): void {
    const primary = this.primaryOf(node.view);
    if (!primary.leads || primary.view !== node.view || node.logView !== node.view) return;
    if (node !== primary && node.log.length < primary.log.length) {
      const { message } = present(primary.log[node.log.length]);
      node.log.push({ message, durable: false, inMemory: true, faulty: false, blank: false });
      return;
    }
    for (const held of node.log) {
      held.blank = false;
      held.inMemory ||= this.anyoneHas(held.message);
    }
  }

  private anyoneHas(message: PrepareMessage): boolean {
    return this.nodes.some(({ log }) => {
      const held = log[message.header.op];
      return held?.message === message && !held.blank && (held.durable || held.inMemory);
    });
  }

  /** Body and header reach the disk, in any order of ops; acknowledged when the view allows. */
  private flush(node: Node): void {
    const waiting = node.log.filter(
      ({ durable, inMemory, blank }) => !durable && inMemory && !blank,
    );
    if (waiting.length === 0) return;
    const held = this.prng.pick(waiting);
    held.durable = true;
    held.faulty = false;
    this.acknowledge(node, held.message.header.op);
  }

  private acknowledge(node: Node, op: number): void {
    if (node.view !== node.logView || node.frozen !== null) return;
    if (node.log[op]?.durable !== true) return;
    const { acks } = this.reign(node.view);
    acks.set(op, setAdd(acks.get(op) ?? 0, node.slot));
  }

  /** A primary counts what has arrived of its view's acks; a backup hears of it. */
  private commit(node: Node): void {
    if (node.logView !== node.view || node.frozen !== null) return;
    const reign = this.reign(node.view);
    if (node.leads) {
      for (;;) {
        const op = reign.commit + 1;
        if (setCount(reign.acks.get(op) ?? 0) < this.quorums.replication) break;
        const { message } = present(node.log[op]);
        const known = this.committed[op];
        assert(known === undefined || known === message, 'one history');
        this.committed[op] = message;
        reign.commit = op;
      }
    }
    for (let op = node.commitMin + 1; op <= Math.min(reign.commit, node.log.length - 1); op += 1) {
      const held = present(node.log[op]);
      if (held.blank || !(held.durable || held.inMemory)) return;
      node.commitMin = op;
    }
  }

  /** Joins a later view: its vote is fixed now. */
  private leaveView(node: Node): void {
    const newest = Math.max(...this.nodes.map(({ view }) => view));
    const view = newest > node.view ? this.prng.between(node.view + 1, newest) : newest + 1;
    if (view > newest && !this.prng.chance(0.25)) return;
    node.frozen ??= this.suffix(node);
    node.view = view;
    this.giveWay(node);
  }

  private giveWay(node: Node): void {
    node.leads = false;
    node.chosen = false;
  }

  private suffix(node: Node): (LogHeader | null)[] {
    return node.log
      .slice(-PIPELINE - 1)
      .map(({ message, blank }) => (blank ? null : logHeaderOf(message)))
      .reverse();
  }

  private dvcOf(node: Node): DvcLog {
    const headers = node.frozen ?? this.suffix(node);
    const op = node.log.length - 1;
    let nackBits = 0;
    let presentBits = 0;
    headers.forEach((entry, index) => {
      const held = present(node.log[op - index]);
      if (entry !== null && (held.durable || held.inMemory)) presentBits |= 1 << index;
      if (op - index <= node.commitMin || held.faulty) return;
      if (!held.durable) nackBits |= 1 << index;
    });
    return {
      replica: node.slot,
      logView: View(node.logView),
      op: Op(op),
      commitMin: Op(node.commitMin),
      headers,
      nackBits,
      presentBits,
    };
  }

  /** The new primary chooses among the votes that happen to have come. */
  private candidate(node: Node): void {
    if (node.frozen === null || this.primaryOf(node.view) !== node) return;
    if (node.uncertain) return;
    const voters = this.nodes.filter(
      (other) =>
        !other.uncertain &&
        other.frozen !== null &&
        other.view === node.view &&
        this.prng.chance(0.8),
    );
    if (!voters.includes(node)) return;
    const selection = this.choose(voters);
    if (selection.kind !== 'selected') return;
    this.choices += 1;
    if (selection.op < selection.opBefore) this.dropped += 1;
    this.install(node, present(selection.headers[0]), node.view);
    node.chosen = true;
    this.reigns.set(node.view, { commit: selection.commitMax, acks: new Map() });
  }

  private choose(voters: readonly Node[]): ReturnType<typeof selectLog> {
    const votes = voters.map((node) => this.dvcOf(node));
    return selectLog(votes, { quorums: this.quorums, pipelineMax: PIPELINE });
  }

  /** The log that ends with `head` becomes this one's, in view `view`. Fault marks stay. */
  private install(node: Node, head: LogHeader, view: number): void {
    const log: Held[] = [];
    let checksum: bigint = head.header.checksum;
    let op: number = head.header.op;
    for (; op >= 0; op -= 1) {
      const message = present(this.made.get(checksum));
      const held = node.log[op];
      if (held?.message === message) log[op] = { ...held, blank: false };
      else {
        const faulty = held?.faulty ?? false;
        log[op] = { message, durable: false, inMemory: false, faulty, blank: false };
      }
      checksum = message.header.parent;
    }
    node.log = log;
    node.view = view;
    node.logView = view;
    node.durableHead = head.header.op;
    node.frozen = null;
    node.uncertain = false;
  }

  /** Leads when its log is whole: every body that it lacked came from someone. */
  private lead(node: Node): void {
    if (!node.chosen) return;
    if (!node.log.every(({ message }) => this.anyoneHas(message))) return;
    for (const held of node.log) {
      held.blank = false;
      held.durable = true;
      held.inMemory = true;
      held.faulty = false;
    }
    node.chosen = false;
    node.leads = true;
    node.log.forEach((_, op) => this.acknowledge(node, op));
  }

  /** Takes over the log of a view that has begun. */
  private follow(node: Node): void {
    const begun = this.nodes.filter(
      (other) =>
        (other.leads || other.chosen) &&
        other !== node &&
        other.view >= node.view &&
        (other.view > node.view || node.frozen !== null || node.uncertain),
    );
    if (begun.length === 0) return;
    const primary = this.prng.pick(begun);
    this.giveWay(node);
    this.install(node, logHeaderOf(present(primary.log.at(-1)).message), primary.view);
    node.log.forEach((_, op) => this.acknowledge(node, op));
  }

  /**
   * Memory is gone. What never reached the disk is gone with it, but for the headers that were
   * written with the view; the ops above the highest readable one were never here at all.
   */
  private restart(node: Node): void {
    this.giveWay(node);
    node.commitMin = 0;
    const top = node.frozen === null ? node.durableHead : node.log.length - 1;
    node.log.forEach((held, op) => {
      held.inMemory = false;
      const written = op <= top && op >= top - PIPELINE;
      if (!held.durable && !held.faulty && !written) held.blank = true;
    });
    while (node.log.length - 1 > top) {
      const last = present(node.log.at(-1));
      if (!last.blank) return;
      // Rotten beyond reading, above all that is known: nobody can tell what was acknowledged here.
      if (last.faulty) {
        node.uncertain = true;
        return;
      }
      node.log.pop();
    }
  }

  /** A slot rots while nobody looks; its header too, where no durable header stands for it. */
  private spoil(node: Node): void {
    const op = this.prng.below(node.log.length);
    const held = present(node.log[op]);
    if (op === 0 || !held.durable) return;
    held.durable = false;
    held.inMemory = false;
    held.faulty = true;
    const top = node.durableHead;
    const written = op <= top && op >= top - PIPELINE;
    if (node.frozen === null && !written && op < node.log.length - 1) held.blank = true;
  }

  /** Every set of voters that could meet in the next view keeps what was committed. */
  checkEveryQuorum(): void {
    const last = present(this.committed.at(-1));
    for (let set = 1; set < 1 << this.nodes.length; set += 1) {
      if (setCount(set) < this.quorums.viewChange) continue;
      const voters = this.nodes.filter(({ slot, uncertain }) => setHas(set, slot) && !uncertain);
      const selection = this.choose(voters);
      if (selection.kind !== 'selected') continue;
      assert(selection.op >= last.header.op, 'no committed op is dropped');
      let message = present(this.made.get(present(selection.headers[0]).header.checksum));
      while (message.header.op > last.header.op) {
        message = present(this.made.get(message.header.parent));
      }
      assert(message === last, 'the chosen log holds what was committed');
    }
  }

  /** With all votes in, and nothing rotten, there is always a choice. */
  checkChoice(): void {
    assert(this.choose(this.nodes).kind === 'selected', 'all votes decide');
  }
}
