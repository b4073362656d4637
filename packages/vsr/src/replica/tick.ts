import { unreachable } from '@kimberlite/store';
import { TICK_MICROS } from '../std/tick.ts';
import { hasStalled, watchSelf } from './liveness/abdicate.ts';
import { onClockSyncTimeout } from './liveness/clock-sync.ts';
import { watchCommits } from './liveness/commit-stall.ts';
import { watchLag } from './liveness/pacing.ts';
import { onPingTimeout } from './liveness/ping.ts';
import { isQuorumLost, watchQuorum } from './liveness/quorum.ts';
import { heardPrimary, sendHeartbeat } from './normal/heartbeat.ts';
import { onPrepareTimeout } from './normal/prepare.ts';
import { refuseQueued } from './normal/request.ts';
import { onReadTimeout, refuseUnconfirmed } from './reads/read.ts';
import { onRepairTimeout } from './repair/repair.ts';
import { onRepairSyncTimeout } from './repair/repair-sync.ts';
import { scrubTick } from './repair/scrub.ts';
import type { Replica } from './replica.ts';
import { isBackup } from './role.ts';
import type { TimerName } from './timeout-table.ts';
import { askEveryone } from './view-change/ask-view.ts';
import { sendDoViewChange } from './view-change/do-view-change.ts';
import { broadcastStartView } from './view-change/start-view.ts';
import { onViewChangeTimeout } from './view-change/view-change.ts';
import { onStartViewChangeTimeout, onVoteWindowTimeout, voteToLeave } from './view-change/vote.ts';

/** One tick of 10 ms: watches itself first, before anything is sent, then runs what is due. */
export function onTick(r: Replica): void {
  r.tick += 1;
  const stalled = hasStalled(r);
  if (stalled) r.catchingUp = true;
  else if (r.monotonic - r.lastTickAt >= TICK_MICROS / 2) r.catchingUp = false;
  r.lastTickAt = r.monotonic;
  if (r.status === 'recovering') return;
  if (r.catchingUp) {
    // Ticks of a stall come in one burst, and would count as time in which nobody was heard: after
    // a sleep a backup would vote against a primary whose heartbeat it has just read.
    heardPrimary(r);
  } else {
    watchQuorum(r);
  }
  if (isQuorumLost(r)) {
    refuseQueued(r);
    refuseUnconfirmed(r);
  }
  watchSelf(r, { loopStalled: stalled });
  watchCommits(r);
  watchLag(r);
  for (const name of r.timers.tick()) onTimeout(r, name);
  scrubTick(r);
}

/** The table of timeouts: each row of timeout-table.ts has its handler here. */
function onTimeout(r: Replica, name: TimerName): void {
  switch (name) {
    case 'heartbeat':
      if (r.viewChange.repairing) broadcastStartView(r);
      else sendHeartbeat(r);
      return;
    case 'silence':
      if (!isBackup(r)) return;
      voteToLeave(r, 'primary_silent');
      r.timers.start('silence');
      return;
    case 'commitMessage':
      sendHeartbeat(r);
      return;
    case 'clockSync':
      onClockSyncTimeout(r);
      return;
    case 'repairSync':
      onRepairSyncTimeout(r);
      return;
    case 'prepare':
      onPrepareTimeout(r);
      return;
    case 'ping':
      onPingTimeout(r);
      return;
    case 'startViewChange':
      onStartViewChangeTimeout(r);
      return;
    case 'startViewChangeWindow':
      onVoteWindowTimeout(r);
      return;
    case 'doViewChange':
      sendDoViewChange(r);
      return;
    case 'viewChange':
      onViewChangeTimeout(r);
      return;
    case 'requestStartView':
      onRequestStartViewTimeout(r);
      return;
    case 'repair':
      onRepairTimeout(r);
      return;
    case 'read':
      onReadTimeout(r);
      return;
    default:
      unreachable(name);
  }
}

function onRequestStartViewTimeout(r: Replica): void {
  if (r.status === 'recovering_head') askEveryone(r);
  else r.viewChange.nonce = 0n;
}
