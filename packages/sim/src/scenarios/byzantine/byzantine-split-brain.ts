import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Half of the backups are sent another prepare. */
export const byzantineSplitBrain: Scenario = attack({
  name: 'ByzantineSplitBrain',
  purpose: 'a primary that prepares two different ops of one number',
  property: 'two ops of one number never both commit',
  replicaCount: 6,
  commands: ['prepare'],
  mutation: { kind: 'fork' },
  leads: true,
  viewChanges: false,
  expects: 'divergence_found',
  rejections: ['chain_break', 'wrong_checksum', 'not_wanted'],
});
