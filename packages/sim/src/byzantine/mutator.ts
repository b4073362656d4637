import type { ChecksumFunction } from '@kimberlite/store';
import type { AnyMessage, ClusterConfig, Prng } from '@kimberlite/vsr';
import type { FaultGate } from '../faults/fault-gate.ts';
import type { Packet } from '../network/network.ts';
import { sameBytes } from '../storage/disk-order.ts';
import { forge } from './forge.ts';
import type { Forged, Said } from './forged.ts';
import type { ByzantineOptions, MutationRule } from './mutation.ts';

export interface MutatorSetup {
  readonly prng: Prng;
  readonly byzantine: ByzantineOptions;
  readonly checksum: ChecksumFunction;
  readonly replicaCount: number;
  readonly config: ClusterConfig;
  readonly faults: FaultGate;
}

/**
 * Stands between replicas and the network and mutates what the rules say, for each destination by
 * itself. The liar's own process stays the production core: it is its words that lie.
 */
export class MessageMutator {
  /** Lies that were told, by command; of what was held back, by that of the message. */
  readonly applied: Map<string, number>;
  private readonly setup: MutatorSetup;
  /** By slot: of which file, and in which view, it spoke last. */
  private readonly said: Map<number, Said>;

  constructor(setup: MutatorSetup) {
    this.setup = setup;
    this.applied = new Map();
    this.said = new Map();
  }

  get appliedTotal(): number {
    let total = 0;
    for (const count of this.applied.values()) total += count;
    return total;
  }

  /** What goes onto the links instead of this message. */
  packets(from: number, to: number, message: AnyMessage): readonly Packet[] {
    const { prng, checksum, replicaCount, config, faults, byzantine } = this.setup;
    const { messageSizeMax } = config;
    const { command } = message.header;
    // A prepare is anybody's to send on, so it names no file.
    if (command !== 'prepare') {
      const { incarnation, view } = message.header;
      this.said.set(from, { incarnation, view });
    }
    const honest: Packet = { from, to, command, bytes: message.bytes.slice(), lie: null };
    if (to >= replicaCount) return [honest];
    const rule = byzantine.rules.find((each) => fits(each, { from, to, command }));
    if (rule === undefined || !prng.chance(rule.probability)) return [honest];
    const lastSaidBy = (slot: number): Said | null => this.said.get(slot) ?? null;
    const context = { checksum, prng, replicaCount, messageSizeMax, from, to, lastSaidBy };
    const forged = rule.deliver ? forge(message, rule.mutation, context) : [];
    if (forged === null || isTruth(forged, honest)) return [honest];
    if (!faults.allow('mutation', from, to)) return [honest];
    const packets = marked(forged, { honest, lie: rule.mutation.kind });
    const told = packets.find(({ lie }) => lie !== null)?.command ?? command;
    this.applied.set(told, (this.applied.get(told) ?? 0) + 1);
    return packets;
  }
}

/** A lie that happens to be what would have been said is none. */
function isTruth(forged: readonly Forged[], honest: Packet): boolean {
  const [lie, more] = forged;
  return lie !== undefined && more === undefined && isSame(lie, honest);
}

/** What comes beside a lie and is what would have been said is none: its first copy. */
function marked(
  forged: readonly Forged[],
  { honest, lie }: { readonly honest: Packet; readonly lie: string },
): readonly Packet[] {
  const truth = forged.findIndex((each) => isSame(each, honest));
  return forged.map((each, place) => ({ ...each, lie: place === truth ? null : lie }));
}

function isSame(forged: Forged, honest: Packet): boolean {
  const sameLink = forged.from === honest.from && forged.to === honest.to;
  return sameLink && sameBytes(forged.bytes, honest.bytes);
}

function fits(
  rule: MutationRule,
  { from, to, command }: { readonly from: number; readonly to: number; readonly command: string },
): boolean {
  if (rule.command !== 'any' && rule.command !== command) return false;
  if (rule.from !== null && rule.from !== from) return false;
  return rule.to === null || rule.to.includes(to);
}
