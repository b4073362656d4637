import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** More or fewer headers than the op says. */
export const byzantineDvcTailLengthMismatch: Scenario = attack({
  name: 'ByzantineDvcTailLengthMismatch',
  purpose: 'the tail of do_view_change does not fit its op',
  property: 'headers must be those below the op',
  replicaCount: 3,
  commands: ['doViewChange'],
  mutation: { kind: 'shift_op', by: 2 },
  viewChanges: true,
  expects: 'promises_kept',
  rejections: ['invalid_metadata'],
});
