import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Bodies changed under the checksum of the right ones. */
export const byzantineTamperedContent: Scenario = attack({
  name: 'ByzantineTamperedContent',
  purpose: 'bodies changed without their checksum',
  property: 'a body that is not what its header says is no message',
  replicaCount: 3,
  commands: ['prepare', 'startView', 'doViewChange'],
  mutation: { kind: 'tamper_body' },
  probability: 0.5,
  undecodable: true,
  viewChanges: true,
  expects: 'promises_kept',
  rejections: [],
});
