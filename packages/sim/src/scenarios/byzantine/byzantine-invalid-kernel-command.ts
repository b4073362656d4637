import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Prepares with operations that no state machine knows. */
export const byzantineInvalidKernelCommand: Scenario = attack({
  name: 'ByzantineInvalidKernelCommand',
  purpose: 'committed commands that the state machine refuses',
  property:
    'acknowledgements count for the prepare that they name, so the liar commits none of it; what ' +
    'a later view commits changes nothing, on all replicas alike',
  replicaCount: 3,
  commands: ['prepare'],
  mutation: { kind: 'invalid_request' },
  leads: true,
  viewChanges: true,
  expects: 'stands_still',
  rejections: [],
  witnesses: [{ counter: 'unknownOperations', least: 1 }],
});
