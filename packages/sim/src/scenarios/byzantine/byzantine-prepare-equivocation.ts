import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Every backup is sent a prepare of its own. */
export const byzantinePrepareEquivocation: Scenario = attack({
  name: 'ByzantinePrepareEquivocation',
  purpose: 'a primary that tells every backup something else',
  property: 'acknowledgements count for the prepare that they name: nothing commits',
  replicaCount: 5,
  commands: ['prepare'],
  mutation: { kind: 'fork_each' },
  leads: true,
  viewChanges: false,
  expects: 'stands_still',
  rejections: [],
});
