import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** One replica is told that its file is not the member's any more, and nor are the others'. */
export const byzantineForgedPong: Scenario = attack({
  name: 'ByzantineForgedPong',
  purpose: 'a replica that tells another one that its data file was replaced',
  property:
    'one word against a file makes it mute as long as it stands, and ends nobody; of other files ' +
    'one word counts for nothing',
  replicaCount: 3,
  commands: ['pong'],
  mutation: { kind: 'deny_file' },
  toNext: [1],
  viewChanges: false,
  expects: 'promises_kept',
  rejections: [],
  // Who is denied says so: in a cluster of introduced files nobody honest denies one.
  witnesses: [{ counter: 'liesRejected', least: 1 }],
});
