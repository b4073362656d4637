import { mix128 } from '@kimberlite/store';
import {
  type AnyMessage,
  CONFIG_SIMULATION,
  type Command,
  decodeMessage,
  encodeHeaderList,
  encodeMessage,
  HEADER_SIZE,
  KNOWN_FILES_SIZE,
  logHeaderOf,
  Op,
  type PrepareMessage,
  Prng,
  View,
  ZERO_CHECKSUM,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { FaultGate, NOTHING_REMOVED } from '../faults/fault-gate.ts';
import { EventQueue } from '../std/event-queue.ts';
import { forge } from './forge.ts';
import type { Said } from './forged.ts';
import type { Mutation, MutationRule } from './mutation.ts';
import { MessageMutator } from './mutator.ts';
import { EVERY_COMMAND } from './spoken-commands.ts';

const COMMON = { cluster: 7n, replica: 1, view: View(3), release: 1, incarnation: 5n };
const CONTEXT = {
  checksum: mix128,
  prng: new Prng(1n),
  replicaCount: 3,
  messageSizeMax: 4096,
  from: 1,
  to: 2,
  lastSaidBy: (slot: number): Said => ({ incarnation: BigInt(slot) + 100n, view: 4 }),
};

function prepareOf(op: number): PrepareMessage {
  const zero = 0n as PrepareMessage['header']['parent']; // SAFETY: any checksum will do.
  const fields = {
    ...COMMON,
    incarnation: 0n,
    parent: zero,
    checkpointId: zero,
    op: Op(op),
    commit: Op(op - 1),
    timestamp: 1_000 + op,
    count: 0,
  };
  return encodeMessage('prepare', fields, null, mix128);
}

function doViewChange(presentBits = 7): AnyMessage {
  const headers = [9, 8, 7].map((op) => logHeaderOf(prepareOf(op)));
  const fields = {
    ...COMMON,
    checkpointId: ZERO_CHECKSUM,
    logView: View(2),
    op: Op(9),
    commitMin: Op(6),
    checkpointOp: Op(0),
    nackBits: 0,
    presentBits,
  };
  const body = new Uint8Array(KNOWN_FILES_SIZE + headers.length * HEADER_SIZE);
  body.set(encodeHeaderList(headers), KNOWN_FILES_SIZE);
  return encodeMessage('doViewChange', fields, body, mix128);
}

function forged(message: AnyMessage, mutation: Mutation): (AnyMessage | string)[] {
  const sent = forge(message, mutation, CONTEXT) ?? [];
  return sent.map(({ bytes }) => decodeMessage(bytes, mix128));
}

describe('a forged message', () => {
  it('carries valid checksums, and says what the mutation wants', () => {
    const [inflated] = forged(doViewChange(), { kind: 'inflate_commit', by: 500 });
    expect(inflated).toMatchObject({ header: { commitMin: 506, op: 9 } });
    const [shifted] = forged(doViewChange(), { kind: 'shift_op', by: 10 });
    expect(shifted).toMatchObject({ header: { op: 19 } });
    const [raised] = forged(doViewChange(), { kind: 'raise_log_view' });
    expect(raised).toMatchObject({ header: { logView: 2, view: 3 } });
    const [shorter] = forged(doViewChange(), { kind: 'truncate_tail', left: 1 });
    expect(shorter).toMatchObject({ body: { length: KNOWN_FILES_SIZE + HEADER_SIZE } });
    const [conflicting] = forged(doViewChange(), { kind: 'conflicting_tail' });
    expect(conflicting).not.toEqual(doViewChange());
    expect(conflicting).toMatchObject({ header: { op: 9 } });
    const [foreign] = forged(doViewChange(), { kind: 'other_cluster' });
    expect(foreign).toMatchObject({ header: { cluster: 6n } });
  });

  it('is no message where the checksum is what is attacked', () => {
    expect(forged(doViewChange(), { kind: 'corrupt_checksum' })).toEqual(['header_checksum']);
    expect(forged(doViewChange(), { kind: 'tamper_body' })).toEqual(['body_checksum']);
  });

  it('comes as often, or with as much beside it, as the mutation says', () => {
    expect(forged(doViewChange(), { kind: 'duplicate', times: 10 })).toHaveLength(10);
    const beside = forged(doViewChange(), { kind: 'invalid_range' });
    expect(beside[1]).toMatchObject({ header: { command: 'requestHeaders', opMin: 10, opMax: 9 } });
    const named = forged(doViewChange(), { kind: 'two_names' });
    expect(named).toMatchObject([{ header: { replica: 1 } }, { header: { replica: 2 } }]);
    const lowered = forged(doViewChange(), { kind: 'lower_op', by: 10 });
    expect(lowered).toMatchObject([{ header: { op: 0 } }]);
    const acks = forge(prepareOf(4), { kind: 'false_ack' }, CONTEXT) ?? [];
    expect(acks).toMatchObject([{ from: 2, to: 1, command: 'prepareOk' satisfies Command }]);
  });

  it('confirms a view that its author has left, and leaves the truth to who is in it', () => {
    const question = (view: number): AnyMessage =>
      encodeMessage('confirmView', { ...COMMON, view: View(view), round: 7 }, null, mix128);
    const mutation = { kind: 'false_confirmation' } as const;
    const [echo] = forge(question(3), mutation, CONTEXT) ?? [];
    expect(echo).toMatchObject({ from: 2, to: 1, command: 'viewConfirmed' });
    expect(echo && decodeMessage(echo.bytes, mix128)).toMatchObject({
      header: { replica: 2, incarnation: 102n, view: 3, round: 7 },
    });
    expect(forge(question(4), mutation, CONTEXT)).toBeNull();
    expect(forge(prepareOf(4), mutation, CONTEXT)).toBeNull();
  });

  it('that nobody asked for is of any command, in the name of its author, beside the truth', () => {
    const commands = new Set<string>();
    for (let draw = 0; draw < 600; draw += 1) {
      const [truth, lie] = forge(doViewChange(), { kind: 'unasked' }, CONTEXT) ?? [];
      expect(truth?.bytes).toEqual(doViewChange().bytes);
      const message = lie === undefined ? 'none' : decodeMessage(lie.bytes, mix128);
      if (typeof message === 'string') continue;
      commands.add(message.header.command);
      expect(message.header).toMatchObject({ replica: 1, view: 3, incarnation: 5n });
    }
    const sent = EVERY_COMMAND.filter((command) => command !== 'reserved');
    expect([...commands].filter((command) => command !== 'reserved').sort()).toEqual(sent.sort());
  });

  it('is left alone where the mutation does not fit its command', () => {
    expect(forge(prepareOf(4), { kind: 'deny_all' }, CONTEXT)).toBeNull();
    expect(forge(doViewChange(), { kind: 'fork' }, CONTEXT)).toBeNull();
  });

  it('of any random field is a message or a named fault, never an error', () => {
    for (let draw = 0; draw < 300; draw += 1) {
      for (const message of [doViewChange(), prepareOf(5)]) {
        const [bytes] = forge(message, { kind: 'random_field' }, CONTEXT) ?? [];
        expect(bytes).toBeDefined();
        if (bytes !== undefined) expect(() => decodeMessage(bytes.bytes, mix128)).not.toThrow();
      }
    }
  });
});

const RULE: MutationRule = {
  command: 'doViewChange',
  from: 1,
  to: null,
  probability: 1,
  mutation: { kind: 'inflate_commit', by: 5 },
  deliver: true,
};

function mutator(...rules: MutationRule[]): MessageMutator {
  return new MessageMutator({
    prng: new Prng(7n),
    byzantine: { liar: 1, rules, expects: 'promises_kept', rejections: [] },
    checksum: mix128,
    replicaCount: 3,
    config: CONFIG_SIMULATION,
    faults: new FaultGate(new EventQueue(), { removed: NOTHING_REMOVED, closedFrom: null }),
  });
}

describe('a rule', () => {
  const honest = doViewChange();

  it('fits its command, its author and its destinations, and the first that fits decides', () => {
    const lies = mutator({ ...RULE, to: [2] }, { ...RULE, mutation: { kind: 'deny_all' } });
    lies.packets(0, 2, honest);
    lies.packets(1, 2, prepareOf(4));
    expect(lies.appliedTotal).toBe(0);
    const [inflated] = lies.packets(1, 2, honest);
    expect(inflated && decodeMessage(inflated.bytes, mix128)).toMatchObject({
      header: { commitMin: 11, nackBits: 0 },
    });
    const [denied] = lies.packets(1, 0, honest);
    expect(denied && decodeMessage(denied.bytes, mix128)).toMatchObject({
      header: { commitMin: 6, nackBits: 0xffff_ffff },
    });
    expect(Object.fromEntries(lies.applied)).toEqual({ doViewChange: 2 });
  });

  it('of anybody fits all authors, and never touches what goes to a client', () => {
    const lies = mutator({ ...RULE, command: 'any', from: null });
    expect(lies.packets(0, 2, honest)[0]?.bytes).not.toEqual(honest.bytes);
    expect(lies.packets(0, 3, honest)[0]?.bytes).toEqual(honest.bytes);
    expect(lies.appliedTotal).toBe(1);
  });

  it('applies with its probability', () => {
    const lies = mutator({ ...RULE, probability: 0.25 });
    for (let draw = 0; draw < 1_000; draw += 1) lies.packets(1, 2, honest);
    expect(lies.appliedTotal).toBeGreaterThan(200);
    expect(lies.appliedTotal).toBeLessThan(300);
  });

  it('marks its lies, and not the truth that comes beside them', () => {
    const kinds = (mutation: Mutation): (string | null)[] =>
      mutator({ ...RULE, mutation })
        .packets(1, 2, honest)
        .map(({ lie }) => lie);
    expect(kinds({ kind: 'inflate_commit', by: 5 })).toEqual(['inflate_commit']);
    expect(kinds({ kind: 'duplicate', times: 3 })).toEqual([null, 'duplicate', 'duplicate']);
    expect(kinds({ kind: 'two_names' })).toEqual([null, 'two_names']);
    expect(mutator(RULE).packets(0, 2, honest)).toMatchObject([{ lie: null }]);
  });

  it('that delivers nothing is applied too', () => {
    const lies = mutator({ ...RULE, deliver: false });
    expect(lies.packets(1, 2, honest)).toEqual([]);
    expect(lies.appliedTotal).toBe(1);
  });

  it('is not applied where the lie is what would have been said', () => {
    const lies = mutator(
      { ...RULE, mutation: { kind: 'claim_present' } },
      { ...RULE, command: 'prepare', mutation: { kind: 'commit_everything' } },
    );
    lies.packets(1, 2, prepareOf(4));
    lies.packets(1, 2, honest);
    expect(lies.appliedTotal).toBe(0);
    const [claimed] = lies.packets(1, 2, doViewChange(5));
    expect(claimed && decodeMessage(claimed.bytes, mix128)).toMatchObject({
      header: { presentBits: 7, nackBits: 0 },
    });
    expect(lies.appliedTotal).toBe(1);
  });

  it('acknowledges in the name and with the file of the liar, once that is known', () => {
    const towards = { ...RULE, command: 'prepare', from: null, to: [1] } as const;
    const lies = mutator({ ...towards, mutation: { kind: 'false_ack' } });
    const prepare = prepareOf(4);
    expect(lies.packets(0, 1, prepare)[0]).toMatchObject({ from: 0, to: 1, command: 'prepare' });
    lies.packets(1, 0, honest);
    const [ack] = lies.packets(0, 1, prepare);
    expect(ack).toMatchObject({ from: 1, to: 0, command: 'prepareOk' });
    expect(ack && decodeMessage(ack.bytes, mix128)).toMatchObject({
      header: { replica: 1, incarnation: 5n, op: 4 },
    });
  });
});
