import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Commit numbers beyond the head. */
export const byzantineInflatedCommit: Scenario = attack({
  name: 'ByzantineInflatedCommit',
  purpose: 'impossible commit numbers in do_view_change, start_view and heartbeats',
  property: 'nobody believes a commit number beyond the head that it comes with',
  replicaCount: 3,
  commands: ['doViewChange', 'startView', 'commit'],
  mutation: { kind: 'inflate_commit', by: 1_000 },
  // Whose every start_view is refused leads nobody, and nobody would listen to its heartbeats.
  probability: 0.5,
  viewChanges: true,
  expects: 'promises_kept',
  rejections: ['invalid_metadata'],
  // Heartbeats of a view that is over, and logs that come after their view began, are late besides.
  rejectedPermille: 300,
});
