import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** A start_view as long as a message can be. */
export const byzantineOversizedStartView: Scenario = attack({
  name: 'ByzantineOversizedStartView',
  purpose: 'a huge tail in start_view',
  property: 'a log longer than a pipeline is not taken',
  replicaCount: 3,
  commands: ['startView'],
  mutation: { kind: 'oversized_tail' },
  viewChanges: true,
  expects: 'promises_kept',
  rejections: ['invalid_metadata'],
});
