import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Any field of any message has any value. */
export const byzantineAnyField: Scenario = attack({
  name: 'ByzantineAnyField',
  purpose: 'any value in any field of any message',
  property: 'no message from outside ends a replica but by name',
  replicaCount: 5,
  commands: [
    'prepare',
    'prepareOk',
    'startViewChange',
    'doViewChange',
    'startView',
    'requestStartView',
    'requestHeaders',
    'headers',
    'requestPrepare',
    'requestBlocks',
    'block',
  ],
  mutation: { kind: 'random_field' },
  probability: 0.2,
  viewChanges: true,
  expects: 'divergence_found',
  rejections: [],
});
