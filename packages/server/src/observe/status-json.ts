import { snake } from '@kimberlite/vsr';
import type { CounterRecord, StatusRecord } from './status.ts';

type Json = Readonly<Record<string, unknown>>;

/** Their keys are labels of metrics, which are spelled one way everywhere. */
const LABELLED: ReadonlySet<string> = new Set<keyof CounterRecord>([
  'messagesDropped',
  'frameFaults',
  'rejectionsSent',
  'rejectionsReceived',
  'requests',
]);

/** As `GET /status` answers and `kimberlite status -o json` prints it: keys are snake_case. */
export function statusJson(record: StatusRecord): Json {
  return renamed(record, snake) as Json; // SAFETY: an object stays one.
}

/** What another process answered to `GET /status`, or null when that is no status. */
export function statusOf(json: unknown): StatusRecord | null {
  // SAFETY: our own server's answer, or something without the status that is looked for next.
  const record = renamed(json, camel) as StatusRecord | null;
  const { status }: Partial<StatusRecord['state']> = record?.state ?? {};
  return typeof status === 'string' ? record : null;
}

function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => renamed(item, rename));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, item]): [string, unknown] => {
    const other = rename(name);
    const kept = LABELLED.has(name) || LABELLED.has(other);
    return [other, kept ? item : renamed(item, rename)];
  });
  return Object.fromEntries(entries);
}

function camel(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
