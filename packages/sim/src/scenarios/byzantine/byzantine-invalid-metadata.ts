import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Prepares under another number than their own. */
export const byzantineInvalidMetadata: Scenario = attack({
  name: 'ByzantineInvalidMetadata',
  purpose: 'prepares whose op is not that of their place',
  property: 'a prepare is appended by its parent, not by its number',
  replicaCount: 3,
  commands: ['prepare'],
  mutation: { kind: 'shift_op', by: 10 },
  leads: true,
  viewChanges: false,
  expects: 'promises_kept',
  rejections: ['gap', 'chain_break', 'not_wanted', 'invalid_metadata'],
});
