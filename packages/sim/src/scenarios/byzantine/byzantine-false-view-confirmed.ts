import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** A backup that has left a view, and confirms it to the primary that was left behind. */
export const byzantineFalseViewConfirmed: Scenario = attack({
  name: 'ByzantineFalseViewConfirmed',
  purpose: 'a replica that confirms a view which it has left to a primary that knows of no other',
  property: 'that primary answers reads from the past; it commits nothing, and nothing else breaks',
  replicaCount: 3,
  commands: ['confirmView'],
  mutation: { kind: 'false_confirmation' },
  towardsLiar: true,
  viewChanges: false,
  unawarePrimaries: true,
  expects: 'stale_answers',
  rejections: [],
});
