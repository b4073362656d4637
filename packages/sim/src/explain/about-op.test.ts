import { mix128 } from '@kimberlite/store';
import {
  CHECKPOINT_RECORD_SIZE,
  Checksum,
  encodeMessage,
  HEADER_SIZE,
  Op,
  type TraceEvent,
  View,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import type { Happening, Observed } from '../cluster/observer.ts';
import { isAbout, opOf } from './about-op.ts';

const COMMON = { cluster: 1n, replica: 1, view: View(3), release: 0, incarnation: 7n };
const NOTHING = { checkpointId: Checksum(0n), checkpointOp: Op(0) };

function seen(what: Happening): Observed {
  return { event: 1, micros: 0, slot: 0, role: 'backup', state: null, what };
}

/** Of the ops 1 to 40 those that it is about, as the first and the last. */
function opsOf(what: Happening): readonly number[] {
  const ops = Array.from({ length: 40 }, (_, at) => at + 1);
  const about = ops.filter((op) => isAbout(seen(what), op));
  expect(about).toEqual(ops.filter((op) => op >= (about[0] ?? 41) && op <= (about.at(-1) ?? 0)));
  return about.length === 0 ? [] : [about[0] ?? 0, about.at(-1) ?? 0];
}

function traced(event: TraceEvent): readonly number[] {
  return opsOf({ kind: 'trace', event });
}

function prepareHeader(op: number): Uint8Array {
  const fields = { ...COMMON, ...NOTHING, parent: Checksum(1n), op: Op(op), commit: Op(0) };
  const own = { timestamp: 1, count: 0 };
  const { bytes } = encodeMessage('prepare', { ...fields, ...own }, new Uint8Array(0), mix128);
  return bytes.slice(0, HEADER_SIZE);
}

/** Headers from `head` downwards, behind some other bytes. */
function headers(head: number, count: number, before = 0): Uint8Array {
  const body = new Uint8Array(before + count * HEADER_SIZE);
  for (let at = 0; at < count; at += 1) {
    body.set(prepareHeader(head - at), before + at * HEADER_SIZE);
  }
  return body;
}

function delivered(message: Parameters<typeof arrived>[0]): readonly number[] {
  return opsOf(arrived(message));
}

function arrived(message: Extract<Happening, { kind: 'message' }>['message']): Happening {
  return { kind: 'message', from: 1, to: 0, message, lie: null };
}

describe('what a trace line is about', () => {
  it('is the op that an event names, or the ops of a range of them', () => {
    expect(traced({ kind: 'truncated', op: Op(20), from: Op(23), view: View(3) })).toEqual([
      21, 23,
    ]);
    expect(traced({ kind: 'sync_started', op: Op(5), target: Op(32) })).toEqual([6, 32]);
    expect(traced({ kind: 'primary', view: View(3), op: Op(9), commit: Op(8) })).toEqual([9, 9]);
    expect(traced({ kind: 'repaired', what: 'block', op: null })).toEqual([]);
    expect(traced({ kind: 'quorum', seen: true, heard: 3 })).toEqual([]);
    const cut = { kind: 'truncated', op: Op(20), from: Op(23), view: View(3) } as const;
    expect(opOf(seen({ kind: 'trace', event: cut }))).toBeNull();
    expect(opOf(seen({ kind: 'trace', event: { ...cut, op: Op(22) } }))).toBe(23);
  });

  it('is the ops that a message asks for, or whose headers it shows', () => {
    const range = { ...COMMON, opMin: Op(4), opMax: Op(9) };
    expect(delivered(encodeMessage('requestHeaders', range, null, mix128))).toEqual([4, 9]);
    const asked = { ...COMMON, prepareChecksum: Checksum(0n), op: Op(4), more: 3 };
    expect(delivered(encodeMessage('requestPrepare', asked, null, mix128))).toEqual([4, 7]);
    expect(delivered(encodeMessage('headers', COMMON, headers(30, 4), mix128))).toEqual([27, 30]);
    const log = { ...COMMON, ...NOTHING, logView: View(2), op: Op(30), commitMin: Op(20) };
    const vote = { ...log, filesSince: Op(0), nackBits: 0, presentBits: 0 };
    expect(delivered(encodeMessage('doViewChange', vote, headers(30, 3), mix128))).toEqual([
      28, 30,
    ]);
    const begun = { ...COMMON, nonce: 0n, op: Op(30), commit: Op(20), checkpointOp: Op(16) };
    const shown = headers(30, 3, CHECKPOINT_RECORD_SIZE);
    expect(delivered(encodeMessage('startView', begun, shown, mix128))).toEqual([28, 30]);
    expect(delivered(encodeMessage('startViewChange', COMMON, null, mix128))).toEqual([]);
  });

  it('is nothing where an op is only mentioned', () => {
    const clock = { monotonic: 1, life: 1, status: 1, clock: 0 };
    const promised = { promisedOp: Op(7), promisedLogView: View(1), promisedView: View(1) };
    const ping = { ...COMMON, ...NOTHING, op: Op(7), commit: Op(7), ...promised, ...clock };
    expect(delivered(encodeMessage('ping', ping, null, mix128))).toEqual([]);
    expect(opsOf({ kind: 'note', text: 'op 7' })).toEqual([]);
  });
});
