import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/**
 * The head alone: a log that a replica can have sent, which knows no header below. So it is taken,
 * and what it leaves out is no reason to give anything up.
 */
export const byzantineDvcShortTail: Scenario = attack({
  name: 'ByzantineDvcShortTail',
  purpose: 'a do_view_change that leaves out all headers below its head',
  property: 'what a log does not show is unknown, not absent: no op is given up for it',
  replicaCount: 5,
  commands: ['doViewChange'],
  mutation: { kind: 'truncate_tail', left: 1 },
  viewChanges: true,
  expects: 'promises_kept',
  rejections: [],
  witnesses: [{ counter: 'viewChangesCompleted', least: 3 }],
});
