import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** A backup that denies what it acknowledged. */
export const byzantineFalseNack: Scenario = attack({
  name: 'ByzantineFalseNack',
  purpose: 'a do_view_change that denies every op',
  property: 'VSR believes nacks: a replica that finds out stops',
  replicaCount: 3,
  commands: ['doViewChange'],
  mutation: { kind: 'deny_all' },
  viewChanges: true,
  expects: 'divergence_found',
  rejections: [],
});
