import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** A do_view_change that some never get. */
export const byzantineViewChangeBlocking: Scenario = attack({
  name: 'ByzantineViewChangeBlocking',
  purpose: 'do_view_change withheld from chosen replicas',
  property: 'views begin without the one that is silent',
  replicaCount: 5,
  commands: ['doViewChange'],
  mutation: { kind: 'duplicate', times: 1 },
  deliver: false,
  toNext: [2, 3],
  viewChanges: true,
  expects: 'promises_kept',
  rejections: [],
  // Silence cannot be told from loss: what shows is that views begin without it.
  witnesses: [{ counter: 'viewChangesCompleted', least: 5 }],
});
