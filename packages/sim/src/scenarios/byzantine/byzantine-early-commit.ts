import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** A primary that calls everything committed. */
export const byzantineEarlyCommit: Scenario = attack({
  name: 'ByzantineEarlyCommit',
  purpose: 'a primary that commits without its quorum',
  property: 'VSR believes its primary: a replica that finds out stops',
  replicaCount: 3,
  commands: ['prepare', 'commit'],
  mutation: { kind: 'commit_everything' },
  leads: true,
  viewChanges: true,
  expects: 'divergence_found',
  rejections: [],
});
