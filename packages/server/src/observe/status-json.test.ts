import { describe, expect, it } from 'vitest';
import { statusRecord } from '../testing/status-fixture.ts';
import { Instruments } from './instruments.ts';
import { statusJson, statusOf } from './status-json.ts';

/** A record in which every counter has a label. */
function record(): ReturnType<typeof statusRecord> {
  const instruments = new Instruments();
  instruments.messagesDropped.add('send_queue_full', 2);
  instruments.frameFaults.add('header_checksum');
  instruments.rejectionsSent.add('wrong_cluster');
  instruments.rejectionsReceived.add('wrong_member');
  instruments.requests.add('out_of_order');
  return statusRecord(instruments);
}

function keysOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = Array.isArray(value) ? [] : Object.keys(value);
  return [...own, ...Object.values(value).flatMap(keysOf)];
}

describe('the status of a replica as JSON', () => {
  it('has snake_case keys, all the way down', () => {
    const keys = keysOf(statusJson(record()));
    expect(keys.length).toBeGreaterThan(80);
    for (const key of keys) expect(key).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
    expect(statusJson(record())).toMatchObject({
      replica_count: 3,
      state: { quorum_seen: true, timeouts: { start_view_change: 0 } },
      data_file: { io_mode: 'direct_dsync' },
      counters: { messages_dropped: { send_queue_full: 2 } },
    });
  });

  it('is read back as the record that it was', () => {
    const text = JSON.stringify(statusJson(record()));
    expect(statusOf(JSON.parse(text))).toEqual(record());
  });

  it('is told from other answers', () => {
    for (const other of [null, 7, 'ok', [], {}, { state: null }, { state: { status: 1 } }]) {
      expect(statusOf(other)).toBeNull();
    }
  });
});
