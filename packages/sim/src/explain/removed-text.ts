import { FAULT_KINDS, type OrdinalRange, type Removed } from '../faults/fault-gate.ts';

/** What a run goes without, in a line a kind. */
export function removedText({ faults, clients }: Removed): string {
  const lines: string[] = [];
  if (clients.length > 0) lines.push(`  clients ${clients.join(', ')}`);
  for (const kind of FAULT_KINDS) {
    const ranges = faults[kind] ?? [];
    if (ranges.length > 0) lines.push(`  ${kind} ${ranges.map(rangeText).join(', ')}`);
  }
  return lines.length === 0 ? 'nothing is left out' : ['left out:', ...lines].join('\n');
}

function rangeText([first, last]: OrdinalRange): string {
  if (last === null) return first === 0 ? 'all' : `from ${first}`;
  return first === last ? String(first) : `${first}-${last}`;
}
