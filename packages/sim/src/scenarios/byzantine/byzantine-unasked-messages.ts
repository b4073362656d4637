import { ONLY_OF_LIARS } from '../../checkers/honest-peers.ts';
import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Messages of every command, of which nobody asked for one. */
export const byzantineUnaskedMessages: Scenario = attack({
  name: 'ByzantineUnaskedMessages',
  purpose: 'messages of every command of the codec that nobody asked for, with any values',
  property: 'no message from outside ends a replica but by name',
  replicaCount: 5,
  // Said often, in the author's own name.
  commands: ['ping', 'pong', 'commit', 'prepareOk', 'viewConfirmed'],
  mutation: { kind: 'unasked' },
  probability: 0.5,
  viewChanges: true,
  expects: 'divergence_found',
  rejections: ONLY_OF_LIARS,
});
