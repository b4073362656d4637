import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Frames in the name of another replica. */
export const byzantineForgedSender: Scenario = attack({
  name: 'ByzantineForgedSender',
  purpose: 'frames in the name of another replica (until TLS tells who sends)',
  property: 'one name more or less moves no quorum of honest disks',
  replicaCount: 5,
  commands: ['prepareOk', 'startViewChange', 'doViewChange'],
  mutation: { kind: 'other_name' },
  viewChanges: true,
  expects: 'promises_kept',
  rejections: ['other_incarnation', 'unknown_author'],
});
