import { readFileSync } from 'node:fs';
import { SLOT_COUNT } from '@kimberlite/vsr';

/** What a replica did about its view of its own accord. */
export interface ViewEvent {
  readonly replica: number;
  /** As in its log: ISO 8601. */
  readonly time: string;
  readonly what: 'vote' | 'abdication';
  readonly view: number;
  readonly reason: string;
}

/** How views went in a run in which nothing was broken on purpose. */
export interface ViewReport {
  /** When the cluster was whole and the load began, and at the end. */
  readonly first_view: number;
  readonly last_view: number;
  /** Each is false: nobody had died. */
  readonly false_view_changes: number;
  /** Votes that came to nothing are none, but say how near it was. */
  readonly votes: number;
  readonly abdications: number;
  readonly events: readonly ViewEvent[];
}

const WHAT: Readonly<Record<string, ViewEvent['what']>> = {
  'votes to leave the view': 'vote',
  'primary gives way': 'abdication',
};

/** Votes and abdications in the log of a replica. */
export function viewEvents(logFile: string, replica: number): ViewEvent[] {
  const events: ViewEvent[] = [];
  for (const line of readFileSync(logFile, 'utf8').split('\n')) {
    const fields = fieldsOf(line);
    const what = WHAT[String(fields['msg'])];
    if (what === undefined) continue;
    events.push({
      replica,
      time: String(fields['ts']),
      what,
      view: Number(fields['view']),
      reason: String(fields['reason']),
    });
  }
  return events;
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> {
  try {
    // SAFETY: a line of the log is an object; anything else has none of its fields.
    return (JSON.parse(line) ?? {}) as Readonly<Record<string, unknown>>;
  } catch {
    return {}; // A warning of Node.js, say.
  }
}

/** Counts what happened from `firstView` on: before it the cluster was starting. */
export function viewReport(
  views: { readonly first: number; readonly last: number; readonly replicas: number },
  all: readonly ViewEvent[],
): ViewReport {
  const events = all.filter(({ view }) => view >= views.first);
  const count = (what: ViewEvent['what']): number =>
    events.filter((event) => event.what === what).length;
  return {
    first_view: views.first,
    last_view: views.last,
    false_view_changes: ordinal(views.last, views.replicas) - ordinal(views.first, views.replicas),
    votes: count('vote'),
    abdications: count('abdication'),
    events,
  };
}

/** How many views come before this one: those of slots that hold no replica are left out. */
function ordinal(view: number, replicas: number): number {
  return Math.floor(view / SLOT_COUNT) * replicas + (view % SLOT_COUNT);
}
