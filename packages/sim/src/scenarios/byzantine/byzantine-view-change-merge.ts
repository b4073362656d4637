import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** A log whose head is another prepare of the same number. */
export const byzantineViewChangeMerge: Scenario = attack({
  name: 'ByzantineViewChangeMerge',
  purpose: 'a conflicting tail in a view change must not replace committed ops',
  property: 'what an honest replica committed stays, or the replica stops',
  replicaCount: 5,
  commands: ['doViewChange'],
  mutation: { kind: 'conflicting_tail' },
  viewChanges: true,
  expects: 'divergence_found',
  rejections: ['log_conflict'],
});
