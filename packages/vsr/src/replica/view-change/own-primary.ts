import type { Message } from '../../message/message.ts';
import type { Replica } from '../replica.ts';
import { drop } from '../report.ts';
import { isBackup, primaryOfView } from '../role.ts';
import { askForView } from './ask-view.ts';

/**
 * Whether a message is one of the primary that this replica follows, in the view that both are in.
 * If it is of a later view, that one is asked for; what else it may be is dropped.
 */
export function isOfOwnPrimary(r: Replica, message: Message<'commit' | 'confirmView'>): boolean {
  const { header } = message;
  if (header.view > r.view) {
    askForView(r, header.view);
    return false;
  }
  if (header.view === r.view && isBackup(r) && header.replica === primaryOfView(r)) return true;
  drop(r, message, 'stale_view');
  return false;
}
