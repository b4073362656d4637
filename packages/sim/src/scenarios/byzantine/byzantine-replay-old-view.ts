import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Messages of views that are over. */
export const byzantineReplayOldView: Scenario = attack({
  name: 'ByzantineReplayOldView',
  purpose: 'messages sent again with an older view',
  property: 'what is of an older view is dropped',
  replicaCount: 3,
  commands: ['prepareOk', 'commit', 'startView', 'startViewChange', 'doViewChange'],
  mutation: { kind: 'lower_view', by: 1 },
  viewChanges: true,
  expects: 'promises_kept',
  rejections: ['stale_view'],
});
