import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** An old log under the name of the newest. */
export const byzantineFalseLogView: Scenario = attack({
  name: 'ByzantineFalseLogView',
  purpose: 'a do_view_change that claims the newest log view',
  property: 'VSR believes log views: a replica that finds out stops',
  replicaCount: 5,
  commands: ['doViewChange'],
  mutation: {
    kind: 'composite',
    mutations: [{ kind: 'raise_log_view' }, { kind: 'conflicting_tail' }],
  },
  viewChanges: true,
  // The vote is repeated until a view begins: so the lie is told often before it is found out.
  network: { lossByCommand: { startView: 0.7 } },
  expects: 'stands_still',
  rejections: [],
});
