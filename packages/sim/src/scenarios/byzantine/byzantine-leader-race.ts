import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Half of the candidates are told of another head. */
export const byzantineLeaderRace: Scenario = attack({
  name: 'ByzantineLeaderRace',
  purpose: 'asymmetric lies while a primary is chosen',
  property: 'one primary a view, whatever each candidate was told; what committed stays',
  replicaCount: 5,
  commands: ['doViewChange'],
  mutation: { kind: 'conflicting_tail' },
  probability: 0.5,
  viewChanges: true,
  expects: 'divergence_found',
  rejections: ['log_conflict'],
});
