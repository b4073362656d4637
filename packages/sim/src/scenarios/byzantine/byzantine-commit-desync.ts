import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** A commit number beyond the log, over a log cut short. */
export const byzantineCommitDesync: Scenario = attack({
  name: 'ByzantineCommitDesync',
  purpose: 'a high commit number and a truncated tail in start_view',
  property: 'a log that cannot be is not taken',
  replicaCount: 3,
  commands: ['startView'],
  mutation: {
    kind: 'composite',
    mutations: [
      { kind: 'inflate_commit', by: 500 },
      { kind: 'truncate_tail', left: 1 },
    ],
  },
  viewChanges: true,
  expects: 'promises_kept',
  rejections: ['invalid_metadata'],
});
