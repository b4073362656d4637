import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Ids of checkpoints that nobody has. */
export const byzantineForgedCheckpoint: Scenario = attack({
  name: 'ByzantineForgedCheckpoint',
  purpose: 'a replica that tells of a checkpoint with an id that nobody else has',
  property: 'one word against one state ends nobody; such acknowledgements are not counted',
  replicaCount: 3,
  commands: ['ping', 'pong', 'commit', 'prepareOk', 'doViewChange'],
  mutation: { kind: 'other_checkpoint' },
  viewChanges: true,
  expects: 'promises_kept',
  rejections: ['wrong_checkpoint'],
  // Pings, and what is about a checkpoint that the other has left behind, are taken without it.
  rejectedPermille: 100,
});
