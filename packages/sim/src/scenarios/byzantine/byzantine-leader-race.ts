import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Half of the candidates are told something else. */
export const byzantineLeaderRace: Scenario = attack({
  name: 'ByzantineLeaderRace',
  purpose: 'asymmetric lies while a primary is chosen',
  property: 'one primary a view, whatever each candidate was told',
  replicaCount: 5,
  commands: ['doViewChange', 'startViewChange'],
  mutation: { kind: 'inflate_commit', by: 1_000 },
  probability: 0.5,
  viewChanges: true,
  expects: 'promises_kept',
  rejections: ['invalid_metadata'],
});
