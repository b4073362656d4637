import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** A primary that is one op ahead of the truth. */
export const byzantineCommitInflationGradual: Scenario = attack({
  name: 'ByzantineCommitInflationGradual',
  purpose: 'commit numbers of prepares that are one too high',
  property: 'VSR believes its primary: a replica that finds out stops',
  replicaCount: 3,
  commands: ['prepare'],
  mutation: { kind: 'inflate_commit', by: 1 },
  leads: true,
  viewChanges: true,
  expects: 'stands_still',
  rejections: [],
});
