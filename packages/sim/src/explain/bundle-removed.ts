import { FAULT_KINDS, type OrdinalRange, type Removed } from '../faults/fault-gate.ts';
import { BadBundle, type Fields } from './bundle-fields.ts';

/** What a run goes without, as a bundle holds it. */
export function writeRemoved({ faults, clients }: Removed): object {
  return { clients, faults };
}

/** Reads what `writeRemoved` wrote. */
export function readRemoved(fields: Fields): Removed {
  const clients = fields.list('clients').map((client) => {
    if (!isOrdinal(client)) throw new BadBundle('removed.clients must be whole numbers');
    return client;
  });
  const given = fields.object('faults');
  const faults: Record<string, readonly OrdinalRange[]> = {};
  for (const name of Object.keys(given.value)) {
    const kind = FAULT_KINDS.find((known) => known === name);
    if (kind === undefined) throw new BadBundle(`removed.faults: there is no kind '${name}'`);
    faults[kind] = given.list(name).map((range) => readRange(kind, range));
  }
  return { clients, faults };
}

function readRange(kind: string, range: unknown): OrdinalRange {
  if (Array.isArray(range) && range.length === 2) {
    const [first, last]: readonly unknown[] = range;
    if (isOrdinal(first) && (last === null || (isOrdinal(last) && last >= first))) {
      return [first, last];
    }
  }
  throw new BadBundle(`removed.faults.${kind} must be pairs: from, to (null for all that follow)`);
}

function isOrdinal(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
