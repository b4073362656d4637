import { NETWORK_DROP_REASONS } from '@kimberlite/server';
import { DROP_REASONS, VOTE_REASONS } from '@kimberlite/vsr';
import { table } from './markdown.ts';

function reasons(purposes: Readonly<Record<string, string>>): string {
  const rows = Object.entries(purposes).map(([name, purpose]) => [`\`${name}\``, purpose]);
  return table(['reason', 'what it says'], rows);
}

/** The parts of docs/metrics.md that are written from the code. */
export const METRICS_PARTS: Readonly<Record<string, () => string>> = {
  'dropped messages': () => reasons(DROP_REASONS),
  'not sent': () => reasons(NETWORK_DROP_REASONS),
  'votes to leave a view': () => reasons(VOTE_REASONS),
};
