import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Some replicas are never spoken to. */
export const byzantineSelectiveSilence: Scenario = attack({
  name: 'ByzantineSelectiveSilence',
  purpose: 'chosen replicas are ignored',
  property: 'those that are ignored follow the others',
  replicaCount: 5,
  commands: ['any'],
  mutation: { kind: 'duplicate', times: 1 },
  deliver: false,
  toNext: [1, 4],
  viewChanges: true,
  expects: 'promises_kept',
  rejections: [],
  // Silence cannot be told from loss: what shows is that the others make up for it.
  witnesses: [
    { counter: 'viewChangesCompleted', least: 3 },
    { counter: 'preparesRepaired', least: 3 },
  ],
});
