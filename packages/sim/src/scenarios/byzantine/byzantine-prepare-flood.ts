import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Ten times as many prepares. */
export const byzantinePrepareFlood: Scenario = attack({
  name: 'ByzantinePrepareFlood',
  purpose: 'each prepare sent ten times',
  property: 'queues stay within their sizes, ops execute once',
  replicaCount: 3,
  commands: ['prepare'],
  mutation: { kind: 'duplicate', times: 10 },
  leads: true,
  viewChanges: false,
  expects: 'promises_kept',
  rejections: ['not_wanted'],
  // Only what comes while it is being written: what comes later is acknowledged again.
  rejectedPermille: 100,
});
