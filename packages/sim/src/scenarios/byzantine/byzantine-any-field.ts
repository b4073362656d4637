import { ONLY_OF_LIARS } from '../../checkers/honest-peers.ts';
import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Of what is said all the time a little is enough, or nothing else would be lied about. */
const OFTEN = { ping: 0.01, pong: 0.01, confirmView: 0.02, viewConfirmed: 0.02 };

/** Any field of any message has any value. */
export const byzantineAnyField: Scenario = attack({
  name: 'ByzantineAnyField',
  purpose: 'any value in any field of any message',
  property: 'no message from outside ends a replica but by name',
  replicaCount: 5,
  // The last is every other one of the codec.
  commands: ['ping', 'pong', 'confirmView', 'viewConfirmed', 'any'],
  mutation: { kind: 'random_field' },
  probability: 0.4,
  probabilityOf: OFTEN,
  viewChanges: true,
  expects: 'divergence_found',
  rejections: ONLY_OF_LIARS,
});
