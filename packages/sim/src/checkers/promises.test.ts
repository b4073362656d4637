import { mix128, writeU128 } from '@kimberlite/store';
import {
  type AnyMessage,
  CONFIG_SIMULATION,
  encodeMessage,
  formatReplica,
  HEADER_SIZE,
  KNOWN_FILES_SIZE,
  Op,
  Prng,
  View,
  ZERO_CHECKSUM,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { EventQueue } from '../std/event-queue.ts';
import { FaultAtlas } from '../storage/fault-atlas.ts';
import { SimulatedStorage, STORAGE_CALM } from '../storage/storage.ts';
import { replicaState } from '../testing/replica-state.ts';
import { Promises } from './promises.ts';

const config = CONFIG_SIMULATION;

function formatted() {
  const queue = new EventQueue();
  const options = { replicaCount: 3, config, wal: false, blocks: false };
  const storage = new SimulatedStorage({
    queue,
    prng: new Prng(1n),
    options: STORAGE_CALM,
    config,
    checksum: mix128,
    slot: 0,
    atlas: new FaultAtlas(new Prng(1n), options),
    faults: null,
  });
  const machine = { name: 'mine', id: 1n };
  const identity = { machine, cluster: 1n, slot: 0, replicaCount: 3, incarnation: 1n };
  storage.format(formatReplica({ config, checksum: mix128, ...identity }));
  return { storage, promises: new Promises([storage.evidence]) };
}

function common(view: number) {
  return { cluster: 1n, replica: 0, view: View(view), release: 1, incarnation: 1n };
}

function prepareOne() {
  const own = { parent: ZERO_CHECKSUM, checkpointId: ZERO_CHECKSUM, commit: Op(0), timestamp: 1 };
  return encodeMessage('prepare', { ...common(0), ...own, op: Op(1), count: 0 }, null, mix128);
}

/** Puts op 1 on the disk, both parts of it. */
function writeOne(storage: SimulatedStorage): bigint {
  const { bytes, header } = prepareOne();
  const ring = new Uint8Array(4096);
  ring.set(bytes.subarray(0, HEADER_SIZE), HEADER_SIZE);
  storage.format([
    { zone: 'wal_prepares', offset: config.messageSizeMax, bytes },
    { zone: 'wal_headers', offset: 0, bytes: ring },
  ]);
  return header.checksum;
}

function doViewChange(op: number, options: { nack?: boolean; checksum?: bigint }): AnyMessage {
  const body = new Uint8Array(KNOWN_FILES_SIZE + HEADER_SIZE);
  writeU128(new DataView(body.buffer), KNOWN_FILES_SIZE, options.checksum ?? 0n);
  const checkpoint = { checkpointId: ZERO_CHECKSUM, checkpointOp: Op(0) };
  const own = { logView: View(0), op: Op(op), commitMin: Op(0), ...checkpoint };
  const bits = { nackBits: options.nack === true ? 1 : 0, presentBits: 0 };
  return encodeMessage(
    'doViewChange',
    { ...common(0), ...own, ...bits },
    body,
    mix128,
  ) as AnyMessage;
}

const STATE = replicaState({});

describe('promises', () => {
  it('may be made of what is on disk, and kept across a restart', () => {
    const { storage, promises } = formatted();
    const checksum = writeOne(storage) as never;
    promises.onTrace(0, { kind: 'acknowledged', op: Op(1), view: View(0), checksum });
    promises.onStarting(0);
    promises.onStarted(0, STATE);
    promises.onSend(0, doViewChange(1, { checksum }));
  });

  it('are broken by an ack of what is not on disk', () => {
    const { promises } = formatted();
    const { checksum } = prepareOne().header;
    const acknowledged = { kind: 'acknowledged', op: Op(1), view: View(0), checksum } as const;
    expect(() => promises.onTrace(0, acknowledged)).toThrow('before it is on its disk');
  });

  it('are broken by showing a view that is not durable', () => {
    const { promises } = formatted();
    const vote = encodeMessage('startViewChange', common(1), null, mix128) as AnyMessage;
    expect(() => promises.onSend(0, vote)).toThrow('before it is durable');
    const durable = { kind: 'view_durable', view: View(1), logView: View(0) } as const;
    expect(() => promises.onTrace(0, durable)).toThrow('takes view 1 for durable');
  });

  it('are broken by forgetting, denying or replacing an acknowledged op', () => {
    const { storage, promises } = formatted();
    const checksum = writeOne(storage) as never;
    promises.onTrace(0, { kind: 'acknowledged', op: Op(1), view: View(0), checksum });
    expect(() => promises.onStarted(0, { ...STATE, op: Op(0) })).toThrow('starts with head 0');
    const offers: [AnyMessage, string][] = [
      [doViewChange(0, {}), 'offers head 0'],
      [doViewChange(1, { nack: true, checksum }), 'denies op 1'],
      [doViewChange(1, { checksum: 77n }), 'offers another op 1'],
    ];
    for (const [offer, error] of offers) expect(() => promises.onSend(0, offer)).toThrow(error);
  });

  it('are broken by a file that has forgotten some and makes new ones', () => {
    const { storage, promises } = formatted();
    const checksum = writeOne(storage) as never;
    promises.onTrace(0, { kind: 'acknowledged', op: Op(1), view: View(0), checksum });
    expect(promises.made(0)).toBe(1);
    promises.setForgotten(0, true);
    promises.onStarting(0);
    promises.onStarted(0, { ...STATE, op: Op(0) });
    const vote = encodeMessage('startViewChange', common(0), null, mix128) as AnyMessage;
    expect(() => promises.onSend(0, vote)).toThrow('a file that has forgotten promises');
    promises.setForgotten(0, false);
    expect(() => promises.onStarted(0, { ...STATE, op: Op(0) })).toThrow('starts with head 0');
  });

  it('tell a doubtful head over a sound log', () => {
    const { promises } = formatted();
    const doubtful = { ...STATE, status: 'recovering_head' } as const;
    expect(() => promises.onStarted(0, doubtful)).toThrow('over a sound log');
  });

  it('allow a doubtful head over a damaged log', () => {
    const { storage, promises } = formatted();
    storage.damage('wal_prepares', 1, { kind: 'flip', bit: 3 });
    promises.onStarted(0, { ...STATE, status: 'recovering_head' });
  });
});
