import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Every body claimed, nothing denied. */
export const byzantineDvcIdenticalClaims: Scenario = attack({
  name: 'ByzantineDvcIdenticalClaims',
  purpose: 'tied claims in do_view_change are decided alike',
  property: 'claims of bodies that are not there cost time, not ops',
  replicaCount: 5,
  commands: ['doViewChange'],
  mutation: { kind: 'claim_present' },
  viewChanges: true,
  expects: 'promises_kept',
  rejections: [],
});
