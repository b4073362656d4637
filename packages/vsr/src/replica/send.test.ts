import { mix128, present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { CONFIG_SIMULATION } from '../config.ts';
import type { Command } from '../message/layout.ts';
import type { AnyMessage } from '../message/message.ts';
import { ClientId, Op, View, ZERO_CHECKSUM } from '../std/numbers.ts';
import { Prng } from '../std/prng.ts';
import {
  decodeSuperblock,
  encodeSuperblock,
  type SuperblockState,
} from '../superblock/superblock.ts';
import { SuperblockWriter } from '../superblock/superblock-writer.ts';
import { counterMachine } from '../testing/counter-machine.ts';
import { ALL_COMMANDS, randomMessage } from '../testing/message-arbitrary.ts';
import { superblockFixture } from '../testing/wal-disk.ts';
import { createReplica } from './create-replica.ts';
import type { Replica } from './replica.ts';
import { compose, sendGate, sendMessage, sendToClient } from './send.ts';

/** A replica whose superblock, as far as durable, says this. */
function replicaWith(changes: Partial<SuperblockState>): Replica {
  const r = createReplica({
    config: CONFIG_SIMULATION,
    checksum: mix128,
    cluster: 7n,
    slot: 1,
    release: 1,
    stateMachine: counterMachine(),
    prng: new Prng(1n),
  });
  const opened = superblockFixture(changes);
  const copy = present(decodeSuperblock(encodeSuperblock(opened, mix128), 0, mix128));
  r.greeted = 0b111;
  r.superblock = new SuperblockWriter({ checksum: mix128, opened, openedChecksum: copy.checksum });
  return r;
}

type Rule = 'free' | 'view' | 'log_view' | 'both';

/**
 * What each command shows of its author's view, and so what must be durable before (rules
 * view-durable-before-shown, log-view-durable-before-ack). `free`: it promises nothing. `view`: it
 * shows the view. `log_view`: it says that the log of the view is here. `both`: a vote shows its
 * view and the log_view of its log.
 */
const RULES: Readonly<Record<Command, Rule>> = {
  reserved: 'view',
  hello: 'free',
  ping: 'view',
  pong: 'view',
  request: 'free',
  prepare: 'view',
  prepareOk: 'log_view',
  commit: 'view',
  reply: 'log_view',
  eviction: 'log_view',
  refusal: 'free',
  startViewChange: 'view',
  doViewChange: 'both',
  startView: 'log_view',
  requestStartView: 'free',
  requestHeaders: 'view',
  headers: 'view',
  requestPrepare: 'view',
  requestBlocks: 'view',
  block: 'free',
  rejection: 'free',
  query: 'free',
  queryReply: 'view',
  confirmView: 'view',
  viewConfirmed: 'view',
  requestReadIndex: 'view',
  readIndex: 'view',
};

function messageOf(command: Command, view: number, logView: number): AnyMessage {
  const { message } = randomMessage(command, new Prng(3n));
  // SAFETY: the fields that the gate looks at, on a message of that very command.
  return { ...message, header: { ...message.header, view, logView } } as unknown as AnyMessage;
}

function allowed(
  rule: Rule,
  message: { view: number; logView: number },
  durable: { view: number; logView: number },
): boolean {
  switch (rule) {
    case 'free':
      return true;
    case 'view':
      return message.view <= durable.view;
    case 'log_view':
      return message.view <= durable.logView;
    case 'both':
      return message.view <= durable.view && message.logView <= durable.logView;
  }
}

describe('the gate before anything is sent', () => {
  it('has a rule for every command', () => {
    expect(Object.keys(RULES).sort()).toEqual([...ALL_COMMANDS].sort());
  });

  it.each(ALL_COMMANDS)('%s: shows nothing that a crash would take back', (command) => {
    for (let view = 0; view <= 4; view += 1) {
      for (let logView = 0; logView <= view; logView += 1) {
        const durable = { view, logView };
        const r = replicaWith({ view: View(view), logView: View(logView) });
        for (let shown = 0; shown <= 5; shown += 1) {
          for (let shownLog = 0; shownLog <= shown; shownLog += 1) {
            const message = messageOf(command, shown, shownLog);
            const open = allowed(RULES[command], { view: shown, logView: shownLog }, durable);
            const state = JSON.stringify({ durable, shown, shownLog });
            expect(sendGate(r, message) === null, state).toBe(open);
            // Both ways out pass through it.
            r.out = [];
            sendMessage(r, 0, message);
            sendToClient(r, r.prng.u128() as never, message);
            expect(r.out, state).toHaveLength(open ? 2 : 0);
          }
        }
      }
    }
  });

  it('does not send to oneself', () => {
    const r = replicaWith({});
    expect(() => sendMessage(r, 1, messageOf('commit', 0, 0))).toThrow('nobody sends to itself');
  });
});

const PING = {
  checkpointId: ZERO_CHECKSUM,
  checkpointOp: Op(0),
  op: Op(0),
  commit: Op(0),
  promisedOp: Op(0),
  promisedLogView: View(0),
  promisedView: View(0),
  monotonic: 1,
  life: 1,
  status: 1,
  clock: 1,
};

describe('the gate before a promise', () => {
  it.each(ALL_COMMANDS)('%s: goes to a peer that has greeted', (command) => {
    const r = replicaWith({});
    r.greeted = 0b100;
    const promises = [
      'prepareOk',
      'commit',
      'startViewChange',
      'doViewChange',
      'startView',
      'viewConfirmed',
    ].includes(command);
    for (const to of [0, 2]) {
      r.out = [];
      sendMessage(r, to, messageOf(command, 0, 0));
      expect(r.out).toHaveLength(promises && to === 0 ? 0 : 1);
    }
  });
});

describe('the gate of a replica whose file is denied', () => {
  it.each(ALL_COMMANDS)('%s: only greetings go out', (command) => {
    const r = replicaWith({});
    r.greeted = 0b101;
    r.denials.set(0, { reason: 'rolled_back', life: 1, pingMonotonic: 0 });
    sendMessage(r, 2, messageOf(command, 0, 0));
    expect(r.out).toHaveLength(command === 'ping' || command === 'pong' ? 1 : 0);
    r.out = [];
    sendToClient(r, ClientId(1n), messageOf(command, 0, 0));
    expect(r.out).toHaveLength(command === 'ping' || command === 'pong' ? 1 : 0);
  });
});

describe('compose', () => {
  it('stamps the current view, but pings and pongs with the durable one', () => {
    const r = replicaWith({ view: View(2), logView: View(1) });
    r.view = View(5);
    expect(compose(r, 'ping', PING).header.view).toBe(2);
    expect(compose(r, 'startViewChange', {}).header.view).toBe(5);
    expect(compose(r, 'requestStartView', { nonce: 1n }).header).toMatchObject({
      view: 5,
      cluster: 7n,
      replica: 1,
      release: 1,
    });
  });
});
