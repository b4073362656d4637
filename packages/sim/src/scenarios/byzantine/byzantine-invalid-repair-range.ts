import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Requests for headers from above to below. */
export const byzantineInvalidRepairRange: Scenario = attack({
  name: 'ByzantineInvalidRepairRange',
  purpose: 'repair ranges whose first op lies above the last',
  property: 'an impossible range is refused by name',
  replicaCount: 3,
  commands: ['ping'],
  mutation: { kind: 'invalid_range' },
  viewChanges: false,
  expects: 'promises_kept',
  rejections: ['invalid_repair_range'],
});
