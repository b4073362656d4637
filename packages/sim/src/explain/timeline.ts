import { TICK_MICROS } from '@kimberlite/vsr';
import type { Observed, Role } from '../cluster/observer.ts';
import { happeningText } from './trace-line.ts';

/** Something that deserves a mark in the lane of a replica, or of the network. */
interface Moment {
  readonly micros: number;
  readonly event: number;
  readonly slot: number | null;
  readonly mark: string;
  readonly text: string;
}

interface Stretch {
  readonly micros: number;
  readonly role: Role;
}

const ROLE_MARKS: Readonly<Record<Role, string>> = {
  primary: 'P',
  backup: 'b',
  changing_view: 'v',
  recovering: 'r',
  syncing: 's',
  standby: 'o',
  paused: '=',
  down: '.',
};

/** Marks that hide others of the same column, the strongest first. */
const STRENGTH = '!SX#|=^Tsc';
/** Commits in a column, from none to most. */
const DENSITY = ' .:-=+*#@';

/** Collects what a timeline shows. Give `observe` to a run, then ask for the text. */
export class Timeline {
  private readonly lanes: Stretch[][];
  private readonly moments: Moment[];
  private readonly commits: { readonly micros: number; readonly op: number }[];
  private readonly partitions: { readonly from: number; to: number | null }[];
  private commitHead: number;
  private end: number;

  constructor(replicaCount: number) {
    this.lanes = Array.from({ length: replicaCount }, () => [{ micros: 0, role: 'down' }]);
    this.moments = [];
    this.commits = [];
    this.partitions = [];
    this.commitHead = 0;
    this.end = 0;
  }

  observe(seen: Observed): void {
    this.end = seen.micros;
    const lane = seen.slot === null ? undefined : this.lanes[seen.slot];
    if (lane !== undefined && lane.at(-1)?.role !== seen.role) {
      lane.push({ micros: seen.micros, role: seen.role });
    }
    const { what } = seen;
    if (
      what.kind === 'trace' &&
      what.event.kind === 'committed' &&
      what.event.op > this.commitHead
    ) {
      this.commitHead = what.event.op;
      this.commits.push({ micros: seen.micros, op: what.event.op });
    }
    if (what.kind === 'fault' && what.fault.kind === 'partition' && !what.fault.removed) {
      this.partitions.push({ from: seen.micros, to: null });
    }
    if (what.kind === 'healed') {
      const open = this.partitions.at(-1);
      if (open !== undefined) open.to ??= seen.micros;
    }
    const mark = markOf(seen);
    if (mark === null) return;
    const { micros, event, slot } = seen;
    this.moments.push({ micros, event, slot, mark, text: happeningText(what) });
  }

  /** The failure, for the last mark. */
  fail(failure: {
    readonly slot: number | null;
    readonly event: number;
    readonly text: string;
  }): void {
    this.moments.push({ ...failure, micros: this.end, mark: '!' });
  }

  /** Lanes of so many columns, and the last so many moments below. */
  text({ width, moments }: { readonly width: number; readonly moments: number }): string {
    const end = this.eventfulEnd();
    const column = Math.max(1, Math.ceil((end + 1) / width));
    const columns = Math.floor(end / column) + 1;
    const label = (text: string): string => text.padEnd(11);
    const lines = [label('seconds') + axis(columns, column)];
    this.lanes.forEach((lane, slot) => {
      lines.push(label(`replica ${slot}`) + laneText(lane, columns, column));
      lines.push(label('') + this.marks(slot, columns, column));
    });
    lines.push(label('network') + this.networkText(columns, column));
    lines.push(label('commits') + this.commitText(columns, column));
    if (end < this.end) lines.push(quietText(end, this.end));
    lines.push('', LEGEND, '');
    const shown = this.moments.slice(Math.max(0, this.moments.length - moments));
    if (shown.length < this.moments.length) {
      lines.push(`(${this.moments.length - shown.length} earlier moments are not shown)`);
    }
    return [...lines, ...shown.map(momentText)].map((line) => line.trimEnd()).join('\n');
  }

  /**
   * Where the lanes end. A core that does not converge is given minutes, and nothing but that would
   * be seen of its run: of a long quiet end a part is enough.
   */
  private eventfulEnd(): number {
    const eventful = this.moments.filter(({ mark }) => mark !== '!');
    const committed = this.commits.at(-1)?.micros ?? 0;
    const last = eventful.reduce((latest, { micros }) => Math.max(latest, micros), committed);
    const shown = Math.ceil(last * QUIET_SHOWN);
    return last > 0 && this.end > 2 * shown ? shown : this.end;
  }

  private marks(slot: number, columns: number, column: number): string {
    const marks = new Array<string>(columns).fill(' ');
    for (const moment of this.moments) {
      if (moment.slot !== slot) continue;
      const at = Math.min(columns - 1, Math.floor(moment.micros / column));
      marks[at] = stronger(marks[at] ?? ' ', moment.mark);
    }
    return marks.join('');
  }

  private networkText(columns: number, column: number): string {
    const marks = new Array<string>(columns).fill(' ');
    for (const { from, to } of this.partitions) {
      const last = Math.min(columns - 1, Math.floor((to ?? this.end) / column));
      for (let at = Math.floor(from / column); at <= last; at += 1) marks[at] = '#';
    }
    return marks.join('');
  }

  private commitText(columns: number, column: number): string {
    const counts = new Array<number>(columns).fill(0);
    for (const { micros } of this.commits) {
      const at = Math.floor(micros / column);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    const most = Math.max(1, ...counts);
    const step = (count: number): number => Math.ceil((count * (DENSITY.length - 1)) / most);
    return counts.map((count) => DENSITY.charAt(step(count))).join('');
  }
}

const LEGEND =
  'P primary  b backup  v changing view  r recovering  s syncing  = paused  . down\n' +
  '^ start  X crash  0-9 primary of view (last digit)  T truncated  c checkpoint  s synced\n' +
  'S stopped itself for good  # partition  ! failure  commits: from none to most in a column';

/** A quiet end is shown up to this many times as long as what was before it. */
const QUIET_SHOWN = 1.25;

function quietText(from: number, to: number): string {
  const seconds = (micros: number): string => (micros / 1_000_000).toFixed(2);
  return `from ${seconds(from)} to ${seconds(to)} s nothing more is to be marked`;
}

/** The mark of a moment, or null for what is not shown. */
function markOf({ what }: Observed): string | null {
  if (what.kind === 'process') {
    const marks = { start: '^', crash: 'X', pause: '=', unpause: '^' };
    return marks[what.what];
  }
  if (what.kind === 'stopped') return 'S';
  if (what.kind === 'stuck') return what.outside === null && what.lacks.length > 0 ? '!' : null;
  if (what.kind === 'fault') {
    const shown = what.fault.kind === 'partition' || what.fault.kind === 'power_cut';
    return shown && !what.fault.removed ? '#' : null;
  }
  if (what.kind === 'note' || what.kind === 'healed') return '|';
  if (what.kind !== 'trace') return null;
  switch (what.event.kind) {
    case 'primary':
      return String(what.event.view % 10);
    case 'truncated':
      return 'T';
    case 'checkpoint_durable':
      return 'c';
    case 'sync_finished':
      return 's';
    default:
      return null;
  }
}

function stronger(first: string, other: string): string {
  const rank = (mark: string): number => {
    if (mark === ' ') return 1_000;
    // A new view is worth more than a start, less than a crash.
    return mark >= '0' && mark <= '9' ? 1.5 : STRENGTH.indexOf(mark);
  };
  return rank(other) < rank(first) ? other : first;
}

function laneText(lane: readonly Stretch[], columns: number, column: number): string {
  let text = '';
  let next = 0;
  let role: Role = 'down';
  for (let at = 0; at < columns; at += 1) {
    const end = (at + 1) * column;
    // A stay that is shorter than a column is shown all the same, if it is the last in it.
    for (let stretch = lane[next]; stretch !== undefined && stretch.micros < end; ) {
      role = stretch.role;
      next += 1;
      stretch = lane[next];
    }
    text += ROLE_MARKS[role];
  }
  return text;
}

const AXIS_STEP = 15;

function axis(columns: number, column: number): string {
  let text = '';
  for (let at = 0; at < columns; at += AXIS_STEP) {
    const seconds = (at * column) / 1_000_000;
    text += `|${seconds.toFixed(2)}`.padEnd(AXIS_STEP);
  }
  return text.slice(0, Math.max(columns, 6));
}

function momentText({ micros, event, slot, text }: Moment): string {
  const tick = String(Math.floor(micros / TICK_MICROS)).padStart(6);
  const who = slot === null ? '-' : String(slot);
  return `${tick} ${`#${event}`.padEnd(8)} ${who}  ${text}`;
}
