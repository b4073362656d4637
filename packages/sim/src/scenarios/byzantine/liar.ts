import type { Command, DropReason } from '@kimberlite/vsr';
import type { ByzantineOptions, Mutation, MutationRule } from '../../byzantine/mutation.ts';
import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { NETWORK_CALM, type NetworkOptions } from '../../network/network.ts';
import type { PartitionOptions } from '../../network/partitions.ts';
import type { SimulationOptions, Witness } from '../../run/options.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Slot of the primary after all have started for the first time. */
const FIRST_PRIMARY = 1;
const REQUESTS = 96;
const SAFETY_TICKS_MAX = 6_000;
/** A run in which a lie was told less often proves nothing. */
const LIES_LEAST = 10;
/** Of the lies that arrive, as many are refused where nothing else is in their way. */
const REJECTED_PERMILLE = 800;

const CUT_PRIMARIES: PartitionOptions = {
  modes: ['isolate_primary'],
  symmetry: 'symmetric',
  beginProbability: 0.05,
  healProbability: 0.1,
  stableTicksMin: 70,
};

/** One kind of lie, told by one replica. */
interface Attack {
  readonly name: string;
  readonly purpose: string;
  readonly property: string;
  readonly replicaCount: 3 | 5 | 6;
  /** Messages that the liar changes. */
  readonly commands: readonly (Command | 'any')[];
  readonly mutation: Mutation;
  readonly probability?: number;
  /** That of commands which would drown all others. */
  readonly probabilityOf?: Partial<Record<Command | 'any', number>>;
  /** To these places after the liar only; everybody when left out. */
  readonly toNext?: readonly number[];
  /** False: what the rule fits never arrives. */
  readonly deliver?: boolean;
  /** What others send the liar is mutated, not what it sends. */
  readonly towardsLiar?: boolean;
  /** The liar is the first primary; by seed when left out. */
  readonly leads?: boolean;
  /** Views change often: primaries are cut off again and again. */
  readonly viewChanges: boolean;
  readonly expects: ByzantineOptions['expects'];
  /** Reasons for which honest replicas drop these lies; none where there is nothing to drop. */
  readonly rejections: readonly DropReason[];
  /** Thousandths of the lies that are refused, where some of them are good for nothing else. */
  readonly rejectedPermille?: number;
  /** Primaries are left behind, and hear no more than answers to their questions. */
  readonly unawarePrimaries?: boolean;
  /** What else of the network and of partitions this lie needs to take hold. */
  readonly network?: Partial<NetworkOptions>;
  readonly partitions?: Partial<PartitionOptions>;
  /** Share of a command that never reaches the liar, which so has something to lie about. */
  readonly lostToLiar?: Partial<Record<Command, number>>;
  /** Lies are garbled bytes, which no replica ever sees as a message. */
  readonly undecodable?: boolean;
  /** What shows, besides, that the lie was noticed, or what it came to. */
  readonly witnesses?: readonly Witness[];
}

/** A scenario of one attack. Everybody but the liar is honest, and must stay so. */
export function attack(spec: Attack): Scenario {
  const lies = { counter: 'mutationsApplied', least: LIES_LEAST } as const;
  const { rejectedPermille = REJECTED_PERMILLE } = spec;
  const rejected = { counter: 'liesRejectedPermille', least: rejectedPermille } as const;
  const told = spec.rejections.length > 0 || spec.undecodable === true;
  const telling = told && spec.expects === 'promises_kept';
  const noticed = { counter: 'liesNoticed', least: 1 } as const;
  const stale = { counter: 'staleAnswers', least: 1 } as const;
  const found = spec.expects === 'divergence_found' || spec.expects === 'stands_still';
  return {
    name: spec.name,
    group: 'byzantine',
    purpose: spec.purpose,
    faults: `one liar of ${spec.replicaCount}: ${spec.mutation.kind} in ${spec.commands.join(', ')}`,
    workload: 'four clients that ask ten times a second',
    property: spec.property,
    witnesses: [
      lies,
      ...(telling ? [rejected] : []),
      ...(found ? [noticed] : []),
      ...(spec.expects === 'stale_answers' ? [stale] : []),
      ...(spec.witnesses ?? []),
    ],
    options: (seed) => optionsOf(spec, seed),
  };
}

function optionsOf(spec: Attack, seed: bigint): SimulationOptions {
  const base = healthy(seed, spec.replicaCount);
  const liar = spec.leads === true ? FIRST_PRIMARY : Number(seed % BigInt(spec.replicaCount));
  const rules = spec.commands.map((command): MutationRule => {
    const next = spec.toNext?.map((places) => (liar + places) % spec.replicaCount) ?? null;
    return {
      command,
      from: spec.towardsLiar === true ? null : liar,
      to: spec.towardsLiar === true ? [liar] : next,
      probability: spec.probabilityOf?.[command] ?? spec.probability ?? 1,
      mutation: spec.mutation,
      deliver: spec.deliver ?? true,
    };
  });
  const { expects, rejections } = spec;
  const signs = spec.mutation.kind === 'two_names' ? (liar + 1) % spec.replicaCount : liar;
  return {
    ...base,
    introduced: true,
    requestsTarget: REQUESTS,
    safetyTicksMax: SAFETY_TICKS_MAX,
    clients: { ...CLIENTS_BUSY, requestProbability: 0.1 },
    network: {
      ...NETWORK_CALM,
      delayMinMicros: 1_000,
      delayMeanMicros: 4_000,
      lossProbability: 0.02,
      replayProbability: 0.01,
      reorder: true,
      ...(spec.lostToLiar === undefined
        ? {}
        : { lossByCommand: spec.lostToLiar, lossByCommandTo: liar }),
      ...spec.network,
    },
    partitions: spec.viewChanges ? { ...CUT_PRIMARIES, ...spec.partitions } : base.partitions,
    unawarePrimaries: spec.unawarePrimaries ?? false,
    byzantine: { liar, signs, rules, expects, rejections },
  };
}
