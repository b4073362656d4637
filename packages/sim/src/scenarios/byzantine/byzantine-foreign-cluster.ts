import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Frames of another cluster. */
export const byzantineForeignCluster: Scenario = attack({
  name: 'ByzantineForeignCluster',
  purpose: 'frames of another cluster',
  property: 'what is of another cluster is dropped, by name',
  replicaCount: 3,
  commands: ['any'],
  mutation: { kind: 'other_cluster' },
  probability: 0.2,
  viewChanges: false,
  expects: 'promises_kept',
  rejections: ['wrong_cluster'],
});
