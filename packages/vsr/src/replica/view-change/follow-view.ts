import type { LogHeader } from '../../message/header-list.ts';
import type { Message } from '../../message/message.ts';
import { opMax } from '../../std/numbers.ts';
import { updateSuperblock } from '../checkpoint/superblock-update.ts';
import type { Replica } from '../replica.ts';
import { clearViewState, transitionToStatus } from '../status.ts';
import { installHeaders } from './chain.ts';
import { noteViewBegun } from './view-change-pace.ts';

/**
 * Backup: goes by the log of a view that has begun. Head, headers, log_view and status change at
 * once (rule log-view-with-log), with whatever checkpoint stands here by now; nothing of the log is
 * written, and so nothing acknowledged, until that is durable.
 */
export function followView(
  r: Replica,
  view: {
    readonly header: Message<'startView'>['header'];
    readonly headers: readonly (LogHeader | null)[];
  },
): void {
  const { header, headers } = view;
  clearViewState(r);
  r.view = header.view;
  r.logView = header.view;
  installHeaders(r, { op: header.op, headers });
  r.commitMax = opMax(r.commitMax, header.commit);
  r.primaryCommit = header.commit;
  r.primaryOp = header.op;
  noteViewBegun(r, header.commit);
  r.journal.pause();
  updateSuperblock(r);
  transitionToStatus(r, 'normal');
  r.timers.start('silence');
  r.timers.hurry('repair');
}
