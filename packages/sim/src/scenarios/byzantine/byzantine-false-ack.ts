import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** A backup that acknowledges what it never had. */
export const byzantineFalseAck: Scenario = attack({
  name: 'ByzantineFalseAck',
  purpose: 'acknowledgements of prepares that never reached the disk',
  property: 'VSR believes acknowledgements: a replica that finds out stops',
  replicaCount: 3,
  commands: ['prepare'],
  mutation: { kind: 'false_ack' },
  towardsLiar: true,
  viewChanges: true,
  // An op is lost where the third was cut off when it was acknowledged, and the primary is now.
  partitions: { modes: ['isolate_one', 'isolate_primary'], beginProbability: 1 },
  expects: 'divergence_found',
  rejections: [],
});
