import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Fewer headers than lie between its commit number and the op that it claims. */
export const byzantineDvcTailLengthMismatch: Scenario = attack({
  name: 'ByzantineDvcTailLengthMismatch',
  purpose: 'a do_view_change whose op lies above the headers that it shows',
  property: 'a log is taken as its headers say, or not at all',
  replicaCount: 3,
  commands: ['doViewChange'],
  mutation: { kind: 'shift_op', by: 2 },
  viewChanges: true,
  expects: 'promises_kept',
  rejections: ['invalid_metadata'],
  // What comes after its view began is late besides.
  rejectedPermille: 300,
});
