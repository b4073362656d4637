import { KEY_ORDERS } from '@kimberlite/kernel';
import { PARTITION_MODES, PARTITION_SYMMETRIES } from '../network/partitions.ts';
import { GRAY_KINDS } from '../run/gray-faults.ts';
import { CHECKSUMS, type SimulationOptions, WORKLOADS } from '../run/options.ts';
import { BadBundle, isRecord } from './bundle-fields.ts';
import { boundsFault } from './option-bounds.ts';

/**
 * Parameters of a bundle, of the shape that runs take today. What the bundle lacks is taken from
 * the reference, and what it has too much is left out; both are noted. A value of another type than
 * today's is refused.
 */
export function mergeOptions(
  reference: SimulationOptions,
  given: Readonly<Record<string, unknown>>,
  notes: string[],
): SimulationOptions {
  const merged = mergeValue(reference, given, { path: 'options', notes });
  return merged as SimulationOptions; // SAFETY: it has the shape of the reference.
}

interface Where {
  readonly path: string;
  readonly notes: string[];
}

function mergeValue(reference: unknown, given: unknown, where: Where): unknown {
  if (typeof reference === 'function') return reference;
  if (Array.isArray(reference)) {
    return mergeList(reference as readonly unknown[], given, where); // SAFETY: an array.
  }
  if (AS_GIVEN.includes(where.path)) return given;
  if (isRecord(reference)) return mergeRecord(reference, given, where);
  if (reference === null || given === null) return given;
  if (typeof given !== typeof reference || !isFinite(given)) {
    throw new BadBundle(`${where.path} must be a ${typeof reference}`);
  }
  return given;
}

/**
 * What has no shape to compare is taken as it is: lies are of many kinds, and none in most
 * scenarios; losses are named by command, those of today's draw being other ones.
 */
const AS_GIVEN: readonly string[] = ['options.byzantine', 'options.network.lossByCommand'];

function isFinite(value: unknown): boolean {
  return typeof value !== 'number' || Number.isFinite(value);
}

function mergeList(reference: readonly unknown[], given: unknown, where: Where): unknown {
  if (!Array.isArray(given)) throw new BadBundle(`${where.path} must be a list`);
  return given.map((value: unknown, at) => {
    // Elements may differ in what they leave out: the one at this place is the best model.
    const model = reference[at] ?? reference[0];
    if (model === undefined) return value;
    return mergeValue(model, value, { ...where, path: `${where.path}[${at}]` });
  });
}

function mergeRecord(
  reference: Readonly<Record<string, unknown>>,
  given: unknown,
  { path, notes }: Where,
): unknown {
  if (!isRecord(given)) throw new BadBundle(`${path} must be an object`);
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(reference, name)) notes.push(`${path}.${name} is not known here`);
  }
  const entries = Object.entries(reference).map(([name, value]) => {
    const inner: Where = { path: `${path}.${name}`, notes };
    if (Object.hasOwn(given, name)) return [name, mergeValue(value, given[name], inner)];
    if (typeof value !== 'function') notes.push(`${inner.path} is missing: today's is taken`);
    return [name, value];
  });
  return Object.fromEntries(entries) as Readonly<Record<string, unknown>>; // SAFETY: named above.
}

/** Why no run can have these parameters; null when one can. */
export function optionsFault(options: SimulationOptions): string | null {
  const { replicaCount, clocks, partitions, gray, checksum, workload, keyOrder } = options;
  const fault = boundsFault(options);
  if (fault !== null) return fault;
  if (clocks.length !== replicaCount) return 'options.clocks must have one for each replica';
  if (!CHECKSUMS.includes(checksum)) return `options.checksum '${checksum}' is unknown`;
  if (!WORKLOADS.includes(workload)) return `options.workload '${workload}' is unknown`;
  if (!KEY_ORDERS.includes(keyOrder)) return `options.keyOrder '${keyOrder}' is unknown`;
  const strange = partitions.modes.find((mode) => !PARTITION_MODES.includes(mode));
  if (strange !== undefined) return `options.partitions.modes: '${strange}' is unknown`;
  const { symmetry } = partitions;
  if (!PARTITION_SYMMETRIES.includes(symmetry)) {
    return `options.partitions.symmetry '${symmetry}' is unknown`;
  }
  const illness = gray.kinds.find((kind) => !GRAY_KINDS.includes(kind));
  return illness === undefined ? null : `options.gray.kinds: '${illness}' is unknown`;
}
