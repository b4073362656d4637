import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** A primary that tells backups an older read index. */
export const byzantineFalseReadIndex: Scenario = attack({
  name: 'ByzantineFalseReadIndex',
  purpose: 'a primary that names an op too old for the reads of its backups',
  property: 'a backup that believes it answers from the past, but never from before what it knew',
  replicaCount: 3,
  commands: ['readIndex'],
  mutation: { kind: 'lower_op', by: 1 },
  leads: true,
  viewChanges: false,
  expects: 'stale_answers',
  rejections: ['invalid_metadata'],
  // What the backup knew to be committed when it asked, it does not take back.
  witnesses: [{ counter: 'liesRejected', least: 1 }],
});
