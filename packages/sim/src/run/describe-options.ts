import { snake } from '@kimberlite/vsr';
import type { ClientOptions } from '../client/simulated-client.ts';
import type { ClockOptions } from '../cluster/clock.ts';
import {
  FAULT_KINDS,
  isAsked,
  NOTHING_REMOVED,
  type OrdinalRange,
  type Removed,
} from '../faults/fault-gate.ts';
import type { NetworkOptions } from '../network/network.ts';
import type { StorageOptions } from '../storage/storage.ts';
import type { ProcessFaultOptions, SimulationOptions } from './options.ts';

export interface DescribedRun {
  /** Name of the workload that takes the place of the parameters' own; null for that one. */
  readonly workload: string | null;
  /** What the run goes without. */
  readonly removed: Removed;
}

/** One line that names what this run has switched on, and before that what is left of it. */
export function describeOptions(
  options: SimulationOptions,
  { workload, removed }: DescribedRun = { workload: null, removed: NOTHING_REMOVED },
): string {
  // By name, so that a parameter that nobody put into words does not compile.
  const words: Readonly<Record<keyof SimulationOptions, string>> = {
    replicaCount: `${options.replicaCount} replicas`,
    clientCount: `${options.clientCount} clients`,
    requestsTarget: `${options.requestsTarget} requests`,
    safetyTicksMax: `${options.safetyTicksMax} ticks of faults`,
    livenessTicksMax: `${options.livenessTicksMax} to heal`,
    workload: workload ?? options.workload,
    callsMax: `calls ${options.callsMax}`,
    namespaces: `namespaces ${options.namespaces}`,
    keyOrder: `keys ${options.keyOrder}`,
    looksShared: `looks ${options.looksShared}`,
    config: `quota ${options.config.stateBytesMax}, history ${options.config.historyRevisions}`,
    checksum: options.checksum,
    clients: clientWords(options.clients),
    network: networkWords(options.network),
    partitions: `partitions ${partitionWords(options.partitions)}`,
    storage: storageWords(options.storage),
    atlas: `atlas ${atlasWords(options.atlas)}`,
    scrub: `scrub ${options.scrub.tourTicks}`,
    scrubJudged: options.scrubJudged === null ? '' : `judged by ${options.scrubJudged.rot} rotten`,
    processes: processWords(options.processes),
    clocks: `clocks ${clockWords(options.clocks)}`,
    timeouts: `silence ${options.timeouts.silence * 10} ms`,
    hints: `hints ${percent(options.hints.toldProbability)}`,
    introduced: options.introduced ? 'introduced' : 'strangers',
    gray: `gray ${options.gray.kinds.join(' and ') || 'off'}`,
    workMeanMicros: `work ${options.workMeanMicros / 1000} ms`,
    healedWriteMicros: `healed write ${options.healedWriteMicros / 1000} ms`,
    healedDelayMicros: `healed delay ${options.healedDelayMicros / 1000} ms`,
    hungDisks: `hung disks ${options.hungDisks.hungMax}`,
    fullDisks: fullDiskWords(options.fullDisks),
    lostDisk: `lost disks ${options.lostDisk.disksMax}`,
    oldFiles: `old files ${options.oldFiles.filesMax}`,
    dividedRecovery: `divided recovery ${onOrOff(options.dividedRecovery)}`,
    lateHeaders: `late headers ${onOrOff(options.lateHeaders)}`,
    unawarePrimaries: `unaware primaries ${onOrOff(options.unawarePrimaries)}`,
    byzantine: lieWords(options.byzantine),
    witnesses: witnessWords(options.witnesses),
  };
  const all = Object.values(words).filter((text) => text !== '');
  return `${leftWords(options, removed)}${all.join(', ')}`;
}

/** Of a run as it was drawn nothing: the rest of the line says it. */
function leftWords({ clientCount }: SimulationOptions, { faults, clients }: Removed): string {
  const kinds = FAULT_KINDS.filter((kind) => faults[kind] !== undefined);
  if (kinds.length === 0 && clients.length === 0) return '';
  const left = (asked: boolean): number =>
    kinds
      .filter((kind) => kind !== 'delivery' && isAsked(kind) === asked)
      .reduce((sum, kind) => sum + leftBetween(faults[kind] ?? []), 0);
  const requests = kinds.some(isAsked) ? `, ${left(true)} requests` : '';
  return (
    `minimised to ${left(false)} faults, ${clientCount - clients.length} clients${requests}; ` +
    'drawn: '
  );
}

/** Ordinals between ascending ranges, the last of which has no end. */
function leftBetween(ranges: readonly OrdinalRange[]): number {
  let count = 0;
  let next = 0;
  for (const [first, last] of ranges) {
    count += first - next;
    next = last === null ? first : last + 1;
  }
  return count;
}

function percent(value: number, digits = 1): string {
  return `${(value * 100).toFixed(digits)}%`;
}

function onOrOff(value: boolean): string {
  return value ? 'on' : 'off';
}

function clientWords(clients: ClientOptions): string {
  return [
    `queries ${percent(clients.queryProbability)}`,
    `client crashes ${percent(clients.crashProbability, 3)}`,
    `bursts ${clients.bursts.factor === 1 ? 'off' : `of ${clients.bursts.factor} times`}`,
  ].join(', ');
}

function networkWords(network: NetworkOptions): string {
  return [
    `delay ${network.delayMinMicros / 1000}+${network.delayMeanMicros / 1000} ms`,
    `loss ${percent(network.lossProbability)}`,
    `lost ${Object.keys(network.lossByCommand).join(' and ') || 'no command'}`,
    `replay ${percent(network.replayProbability)}`,
    `echo ${percent(network.echoProbability)}`,
    `garbled ${percent(network.garbleProbability)}`,
    `clogs ${percent(network.clogProbability, 3)}`,
    `capacity ${network.capacity}`,
    network.reorder ? 'out of order' : 'in order',
    `congestion ${percent(network.congestion.beginProbability)}`,
  ].join(', ');
}

function partitionWords({ modes, symmetry }: SimulationOptions['partitions']): string {
  return modes.length === 0 ? 'off' : `${symmetry} ${modes.join(' and ')}`;
}

function storageWords(storage: StorageOptions): string {
  return [
    `read ${storage.readMinMicros / 1000}+${storage.readMeanMicros / 1000} ms`,
    `write ${storage.writeMinMicros / 1000}+${storage.writeMeanMicros / 1000} ms`,
    `read faults ${percent(storage.readFaultProbability)}`,
    `write faults ${percent(storage.writeFaultProbability)}`,
    `misdirected ${percent(storage.misdirectProbability)}`,
    `torn ${percent(storage.crashFaultProbability)}`,
    `latent ${percent(storage.latentFaultProbability)}`,
    `hidden heads ${percent(storage.headFaultProbability)}`,
    `write errors ${percent(storage.writeErrorProbability)}`,
    `dropped writes ${percent(storage.droppedWriteProbability)}`,
    `rot in checksums ${percent(storage.rotChecksums)}`,
  ].join(', ');
}

/** Where disks may be faulty at all: the rates above come to nothing elsewhere. */
function atlasWords({ wal, blocks, rotten }: SimulationOptions['atlas']): string {
  const places = [...(wal ? ['wal'] : []), ...(blocks ? ['blocks'] : [])];
  const where = places.join(' and ') || 'off';
  return rotten === true ? `${where}, as rotten as may be` : where;
}

function processWords(processes: ProcessFaultOptions): string {
  return [
    `crash ${percent(processes.crashProbability, 3)}`,
    `power cuts ${percent(processes.crashAllProbability, 3)}`,
    `crash at ${processes.crashAt.events.join(' and ') || 'no event'}`,
    `pause ${percent(processes.pauseProbability, 3)}`,
  ].join(', ');
}

function fullDiskWords({ fullMax, together }: SimulationOptions['fullDisks']): string {
  return `full disks ${fullMax}${together ? ' together' : ''}`;
}

function clockWords(clocks: readonly ClockOptions[]): string {
  const skew = Math.max(0, ...clocks.map(({ skewMicros }) => Math.abs(skewMicros)));
  const steps = clocks.some(({ stepProbability }) => stepProbability > 0);
  return `off by ${skew / 1000} ms${steps ? ' and stepping' : ''}`;
}

function lieWords(byzantine: SimulationOptions['byzantine']): string {
  if (byzantine === null) return 'no lies';
  const { liar, rules, expects, strayOp } = byzantine;
  if (strayOp !== undefined) {
    return `replica ${liar} has a wrong state from op ${strayOp} on: ${expects}`;
  }
  const kinds = new Set(rules.map(({ mutation }) => mutation.kind));
  return `replica ${liar} lies (${[...kinds].join(' and ')}): ${expects}`;
}

function witnessWords(witnesses: SimulationOptions['witnesses']): string {
  const texts = witnesses.map(({ counter, least, most }) =>
    most === undefined
      ? `${snake(counter)} from ${least}`
      : `${snake(counter)} from ${least} to ${most}`,
  );
  return texts.length === 0 ? '' : `witnesses ${texts.join(' and ')}`;
}
