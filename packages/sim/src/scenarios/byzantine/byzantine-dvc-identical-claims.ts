import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Every body claimed, nothing denied: what is not there, and what was never acknowledged. */
export const byzantineDvcIdenticalClaims: Scenario = attack({
  name: 'ByzantineDvcIdenticalClaims',
  purpose: 'tied claims in do_view_change are decided alike',
  property:
    'claims of bodies that are not there cost time, not ops; logs are chosen alike, in whatever ' +
    'order they come (select-log.test.ts)',
  replicaCount: 5,
  commands: ['doViewChange'],
  mutation: { kind: 'claim_present' },
  viewChanges: true,
  expects: 'promises_kept',
  rejections: [],
  // It learns of ops from the logs that views begin with, and gets next to none of their bodies.
  lostToLiar: { prepare: 0.95 },
  witnesses: [{ counter: 'viewChangesCompleted', least: 3 }],
});
