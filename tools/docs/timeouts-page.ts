import { TIMEOUT_SCENARIOS } from '@kimberlite/sim';
import { TIMEOUT_NAMES, TIMEOUT_RELATIONS, type TimeoutName, timeoutRow } from '@kimberlite/vsr';
import { table } from './markdown.ts';

interface Shown {
  /** Function and file under packages/vsr/src/replica/ that acts when it ends. */
  readonly handler: readonly [name: string, file: string];
  /** What shows it besides `vsr_timeouts_total`, which counts them all. */
  readonly metric: string;
  /** The cluster case that shows it, under packages/sim/src/cases/. */
  readonly shownBy: string;
}

/** What the page says of each timeout beyond its row in the code. */
export const TIMEOUTS_SHOWN: Readonly<Record<TimeoutName, Shown>> = {
  heartbeat: {
    handler: ['sendHeartbeat', 'normal/heartbeat.ts'],
    metric: 'vsr_messages_sent_total{command="commit"}',
    shownBy: 'normal-case.test.ts',
  },
  commitMessage: {
    handler: ['sendHeartbeat', 'normal/heartbeat.ts'],
    metric: 'vsr_messages_sent_total{command="commit"}',
    shownBy: 'timeouts.test.ts',
  },
  prepare: {
    handler: ['onPrepareTimeout', 'normal/prepare.ts'],
    metric: 'vsr_messages_sent_total{command="prepare"}',
    shownBy: 'normal-case.test.ts',
  },
  commitStall: {
    handler: ['watchCommits', 'liveness/commit-stall.ts'],
    metric: 'vsr_commit_stalled',
    shownBy: 'timeouts.test.ts',
  },
  voterLag: {
    handler: ['watchLag', 'liveness/pacing.ts'],
    metric: 'vsr_commit_pause_seconds',
    shownBy: 'transfer-under-load.test.ts',
  },
  abdicate: {
    handler: ['watchSelf', 'liveness/abdicate.ts'],
    metric: 'vsr_events_total{kind="abdicated"}',
    shownBy: 'abdication.test.ts',
  },
  clockSync: {
    handler: ['onClockSyncTimeout', 'liveness/clock-sync.ts'],
    metric: 'vsr_clock_synchronized',
    shownBy: 'clock.test.ts',
  },
  clockLoss: {
    handler: ['watchSelf', 'liveness/abdicate.ts'],
    metric: 'vsr_view_changes_total{reason="clock_lost"}',
    shownBy: 'giving-way.test.ts',
  },
  silence: {
    handler: ['voteToLeave', 'view-change/vote.ts'],
    metric: 'vsr_view_changes_total{reason="primary_silent"}',
    shownBy: 'view-change.test.ts',
  },
  startViewChange: {
    handler: ['onStartViewChangeTimeout', 'view-change/vote.ts'],
    metric: 'vsr_messages_sent_total{command="start_view_change"}',
    shownBy: 'view-change.test.ts',
  },
  startViewChangeWindow: {
    handler: ['onVoteWindowTimeout', 'view-change/vote.ts'],
    metric: 'vsr_timeouts_total{timeout="start_view_change_window"}',
    shownBy: 'view-change.test.ts',
  },
  doViewChange: {
    handler: ['sendDoViewChange', 'view-change/do-view-change.ts'],
    metric: 'vsr_messages_sent_total{command="do_view_change"}',
    shownBy: 'view-change.test.ts',
  },
  viewChange: {
    handler: ['onViewChangeTimeout', 'view-change/view-change.ts'],
    metric: 'vsr_view_changes_total{reason="view_change_stuck"}',
    shownBy: 'view-change.test.ts',
  },
  requestStartView: {
    handler: ['onRequestStartViewTimeout', 'tick.ts'],
    metric: 'vsr_messages_sent_total{command="request_start_view"}',
    shownBy: 'wal-recovery.test.ts',
  },
  ping: {
    handler: ['onPingTimeout', 'liveness/ping.ts'],
    metric: 'vsr_voters_heard',
    shownBy: 'quorum-loss.test.ts',
  },
  repair: {
    handler: ['onRepairTimeout', 'repair/repair.ts'],
    metric: 'vsr_repairs_total',
    shownBy: 'repair.test.ts',
  },
  prepareLarge: {
    handler: ['onPrepareTimeout', 'normal/prepare.ts'],
    metric: 'vsr_messages_sent_total{command="prepare"}',
    shownBy: 'deadlines.test.ts',
  },
  syncExpiry: {
    handler: ['expireStaleRequests', 'repair/repair-budget.ts'],
    metric: 'vsr_timeouts_total{timeout="sync_expiry"}',
    shownBy: 'deadlines.test.ts',
  },
  repairExpiry: {
    handler: ['expireStaleRequests', 'repair/repair-budget.ts'],
    metric: 'vsr_repair_budget_available',
    shownBy: 'repair.test.ts',
  },
  read: {
    handler: ['onReadTimeout', 'reads/read.ts'],
    metric: 'vsr_queries_waiting',
    shownBy: 'reads.test.ts',
  },
  scrub: {
    handler: ['scrubTick', 'repair/scrub.ts'],
    metric: 'vsr_scrub_progress_ratio',
    shownBy: 'scrub.test.ts',
  },
  repairSync: {
    handler: ['onRepairSyncTimeout', 'repair/repair-sync.ts'],
    metric: 'vsr_syncing',
    shownBy: 'repair.test.ts',
  },
  quorumLoss: {
    handler: ['watchQuorum', 'liveness/quorum.ts'],
    metric: 'vsr_quorum_seen',
    shownBy: 'quorum-loss.test.ts',
  },
};

/** The configuration key of a timeout. */
export function timeoutKeyOf(name: TimeoutName): string {
  return `timeout-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function millis(ticks: number): string {
  return `${ticks * 10} ms`;
}

function durations(): string {
  const rows = TIMEOUT_NAMES.map((name) => {
    const row = timeoutRow(name);
    const jitter = row.jitter === 0 ? '' : `+ up to ${row.jitter * 100} %`;
    return [
      `\`${timeoutKeyOf(name)}\``,
      row.role,
      row.kind,
      row.purpose,
      millis(row.default),
      millis(row.lan),
      millis(row.wan),
      jitter,
      row.roundTrips === 0 ? '' : row.roundTrips,
      row.diskWrites === 0 ? '' : row.diskWrites,
    ];
  });
  const head = ['key', 'of', 'kind', 'what it is for', 'default', 'lan', 'wan', 'jitter'];
  return table([...head, 'round trips', 'disk writes'], rows);
}

function shown(): string {
  const rows = TIMEOUT_NAMES.map((name) => {
    const { handler, metric, shownBy } = TIMEOUTS_SHOWN[name];
    return [
      `\`${timeoutKeyOf(name)}\``,
      `\`${handler[0]}\` in \`${handler[1]}\``,
      `\`${metric}\``,
      `\`${shownBy}\``,
      `\`${TIMEOUT_SCENARIOS[name]}\``,
    ];
  });
  return table(['key', 'what acts', 'metric', 'shown by', 'ends in the scenario'], rows);
}

function relations(): string {
  const rows = TIMEOUT_RELATIONS.map(({ longer, shorter, times, strict, why }) => {
    const factor = times === 1 ? '' : `${times} x `;
    const bound = `${strict ? '>' : '>='} ${factor}\`${timeoutKeyOf(shorter)}\``;
    return [`\`${timeoutKeyOf(longer)}\` ${bound}`, why];
  });
  return table(['rule', 'because'], rows);
}

/** The parts of docs/timeouts.md that are written from the code. */
export const TIMEOUT_PARTS: Readonly<Record<string, () => string>> = {
  durations,
  shown,
  relations,
};
