import { COMMANDS, configFault, timeoutsFault } from '@kimberlite/vsr';
import type { SimulationOptions } from '../run/options.ts';
import { emptyTotals } from '../run/totals.ts';
import { isRecord } from './bundle-fields.ts';
import { liesFault } from './lie-bounds.ts';

/** From where to where a number may lie. */
interface Bound {
  readonly least: number;
  readonly most: number;
  readonly whole: boolean;
}

const whole = (least: number, most: number): Bound => ({ least, most, whole: true });
const any = (least: number, most: number): Bound => ({ least, most, whole: false });

const REPLICAS_MAX = 6;
const CLIENTS_MAX = 64;
const TICKS_MAX = 10_000_000;
const NODES_MAX = REPLICAS_MAX + CLIENTS_MAX;
/** Eleven days. */
const MICROS_MAX = 1e12;
const COUNT_MAX = 1_000_000_000;

/** What a number is by the end of its name; the first that fits. */
const BOUNDS_BY_END: readonly (readonly [string, Bound])[] = [
  ['robability', any(0, 1)],
  ['TicksMax', whole(0, TICKS_MAX)],
  ['TicksMin', whole(0, TICKS_MAX)],
  ['tourTicks', whole(1, TICKS_MAX)],
  ['skewMicros', any(-MICROS_MAX, MICROS_MAX)],
  ['driftMicrosPerSecond', any(-1_000_000, 1_000_000)],
  ['Micros', any(0, MICROS_MAX)],
  ['MicrosMax', any(0, MICROS_MAX)],
];

/** Of names that say less. */
const BOUNDS_BY_NAME: Readonly<Record<string, Bound>> = {
  replicaCount: whole(1, REPLICAS_MAX),
  clientCount: whole(1, CLIENTS_MAX),
  requestsTarget: whole(0, TICKS_MAX),
  callsMax: whole(1, 1_000),
  looksShared: whole(0, COUNT_MAX),
  namespaces: whole(1, 1_000),
  garbleChecksums: any(0, 1),
  rotChecksums: any(0, 1),
  factor: any(1, 1_000),
  lossByCommandFrom: any(0, MICROS_MAX),
  lossByCommandTo: whole(0, NODES_MAX - 1),
  capacity: whole(1, COUNT_MAX),
  delayFactor: any(0, 10_000),
  crashDelayEventsMax: whole(1, COUNT_MAX),
  illMax: whole(0, REPLICAS_MAX),
  hungMax: whole(0, REPLICAS_MAX),
  fullMax: whole(0, REPLICAS_MAX),
  disksMax: whole(0, 1_000),
  filesMax: whole(0, 1_000),
  bytesPerTick: whole(1, COUNT_MAX),
  rot: whole(0, 10_000),
  least: whole(0, COUNT_MAX),
  most: whole(0, COUNT_MAX),
};

/** Parameters that may be null. */
const NULLABLE: readonly string[] = [
  'options.byzantine',
  'options.scrubJudged',
  'options.network.lossByCommandTo',
  'options.network.echoCommands',
];

/** Parts that are judged as a whole, by rules of their own. */
const JUDGED_APART: readonly string[] = [
  'options.config',
  'options.timeouts',
  'options.byzantine',
  'options.network.lossByCommand',
];

/** The first parameter that no run can have, and why; null where all are possible. */
export function boundsFault(options: SimulationOptions): string | null {
  return (
    valueFault(options, 'options') ??
    configText(options) ??
    timeoutsText(options) ??
    networkFault(options) ??
    witnessFault(options) ??
    liesFault(options.byzantine, options.replicaCount)
  );
}

function valueFault(value: unknown, path: string): string | null {
  if (JUDGED_APART.includes(path)) return null;
  if (value === null) return NULLABLE.includes(path) ? null : `${path} must not be null`;
  if (typeof value === 'number') return numberFault(value, path);
  if (typeof value !== 'object') return null;
  for (const [name, inner] of Object.entries(value)) {
    const place = Array.isArray(value) ? `${path}[${name}]` : `${path}.${name}`;
    const fault = valueFault(inner, place);
    if (fault !== null) return fault;
  }
  return null;
}

function numberFault(value: number, path: string): string | null {
  const bound = boundOf(path);
  if (bound === null) return `${path} is a number that nobody knows the bounds of`;
  const { least, most } = bound;
  if (value >= least && value <= most && (!bound.whole || Number.isSafeInteger(value))) return null;
  const what = bound.whole ? 'a whole number' : 'a number';
  return `${path} must be ${what} from ${least} to ${most}, not ${value}`;
}

function boundOf(path: string): Bound | null {
  const name = /([a-zA-Z]+)(\[[0-9]+\])?$/.exec(path)?.[1] ?? '';
  const named = Object.hasOwn(BOUNDS_BY_NAME, name) ? BOUNDS_BY_NAME[name] : undefined;
  return named ?? BOUNDS_BY_END.find(([end]) => name.endsWith(end))?.[1] ?? null;
}

function configText({ config }: SimulationOptions): string | null {
  const odd = Object.entries(config).find(([, value]) => !isCount(value));
  if (odd !== undefined) return `options.config.${odd[0]} must be a whole number from 0`;
  const fault = configFault(config);
  return fault === null ? null : `options.config: ${fault}`;
}

function timeoutsText({ timeouts }: SimulationOptions): string | null {
  const fault = timeoutsFault(timeouts);
  return fault === null ? null : `options.timeouts: ${fault.text}`;
}

function networkFault({ network }: SimulationOptions): string | null {
  const { lossByCommand, echoCommands } = network;
  const path = 'options.network.lossByCommand';
  if (!isRecord(lossByCommand)) return `${path} must be an object`;
  for (const [command, probability] of Object.entries(lossByCommand)) {
    if (!Object.hasOwn(COMMANDS, command)) return `${path}: there is no command '${command}'`;
    const fault = shareFault(probability, `${path}.${command}`);
    if (fault !== null) return fault;
  }
  if (echoCommands !== null && !Array.isArray(echoCommands)) {
    return 'options.network.echoCommands must be a list';
  }
  const strange = echoCommands?.find((command) => !Object.hasOwn(COMMANDS, command));
  return strange === undefined
    ? null
    : `options.network.echoCommands: there is no command '${strange}'`;
}

function witnessFault({ witnesses }: SimulationOptions): string | null {
  const totals = emptyTotals();
  const strange = witnesses.find(({ counter }) => !Object.hasOwn(totals, counter));
  return strange === undefined
    ? null
    : `options.witnesses: there is no total '${String(strange.counter)}'`;
}

/** Why this is no probability; null where it is one. */
function shareFault(value: unknown, path: string): string | null {
  if (typeof value === 'number' && value >= 0 && value <= 1) return null;
  return `${path} must be a number from 0 to 1, not ${String(value)}`;
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
