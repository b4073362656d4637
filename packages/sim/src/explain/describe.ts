import { type AnyMessage, snake, type TraceEvent } from '@kimberlite/vsr';

/** Fields of a header that are shown as they are. */
const SHOWN: ReadonlySet<string> = new Set([
  'op',
  'commit',
  'commitMin',
  'logView',
  'checkpointOp',
  'request',
  'session',
  'opMin',
  'opMax',
  'nackBits',
  'presentBits',
  'address',
  'reason',
  'status',
  'count',
]);

/** A message in one line: its command, view, and the fields that tell a story. */
export function describeMessage({ header }: AnyMessage): string {
  const parts: string[] = [snake(header.command), `view ${header.view}`];
  for (const [name, value] of Object.entries(header)) {
    if (SHOWN.has(name)) parts.push(`${snake(name)} ${String(value)}`);
    else if (name === 'checksum' || name === 'prepareChecksum' || name === 'parent') {
      parts.push(`${snake(name)} ${short(value)}`);
    }
  }
  return parts.join(' ');
}

/** A trace event in one line, its numbers and names; checksums are cut to six digits. */
export function describeEvent(event: TraceEvent): string {
  const parts: string[] = [event.kind];
  for (const [name, value] of Object.entries(event)) {
    if (name === 'kind' || value instanceof Uint8Array) continue;
    parts.push(`${snake(name)} ${typeof value === 'bigint' ? short(value) : String(value)}`);
  }
  return parts.join(' ');
}

function short(value: unknown): string {
  return typeof value === 'bigint' ? (value & 0xffffffn).toString(16).padStart(6, '0') : '';
}
