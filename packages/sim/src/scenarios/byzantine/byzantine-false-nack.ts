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
  // An op is lost where the third was cut off when it was acknowledged, and the primary is now. The
  // vote is repeated until a view begins, so that the lie is told often.
  network: { lossByCommand: { startView: 0.7 } },
  partitions: { modes: ['isolate_one', 'isolate_primary'], beginProbability: 1 },
  expects: 'divergence_found',
  rejections: [],
});
