import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Frames in the name of another replica, beside those in its own. */
export const byzantineForgedSender: Scenario = attack({
  name: 'ByzantineForgedSender',
  purpose: 'every vote twice, the second in the name of another (until TLS tells who sends)',
  property: 'who has two names has one vote',
  replicaCount: 5,
  commands: ['prepareOk', 'startViewChange', 'doViewChange'],
  mutation: { kind: 'two_names' },
  viewChanges: true,
  expects: 'promises_kept',
  rejections: ['other_incarnation', 'unknown_author'],
});
