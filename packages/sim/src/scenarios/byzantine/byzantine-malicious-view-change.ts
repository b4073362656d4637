import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** A do_view_change whose headers are not those of its op. */
export const byzantineMaliciousViewChange: Scenario = attack({
  name: 'ByzantineMaliciousViewChange',
  purpose: 'an inconsistent log in do_view_change',
  property: 'a log that contradicts itself is not taken',
  replicaCount: 3,
  commands: ['doViewChange'],
  mutation: {
    kind: 'composite',
    mutations: [
      { kind: 'inflate_commit', by: 3 },
      { kind: 'shift_op', by: 3 },
      { kind: 'truncate_tail', left: 2 },
    ],
  },
  viewChanges: true,
  expects: 'promises_kept',
  rejections: ['invalid_metadata'],
  // What comes after its view began is late besides.
  rejectedPermille: 300,
});
