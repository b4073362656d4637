import { mix128 } from '@kimberlite/store';
import {
  type AnyMessage,
  type Command,
  decodeMessage,
  encodeHeaderList,
  encodeMessage,
  logHeaderOf,
  Op,
  type PrepareMessage,
  Prng,
  View,
  ZERO_CHECKSUM,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { forge } from './forge.ts';
import type { Mutation } from './mutation.ts';

const COMMON = { cluster: 7n, replica: 1, view: View(3), release: 1, incarnation: 5n };
const CONTEXT = {
  checksum: mix128,
  prng: new Prng(1n),
  replicaCount: 3,
  messageSizeMax: 4096,
  from: 1,
  to: 2,
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

function doViewChange(): AnyMessage {
  const headers = [9, 8, 7].map((op) => logHeaderOf(prepareOf(op)));
  const fields = {
    ...COMMON,
    checkpointId: ZERO_CHECKSUM,
    logView: View(2),
    op: Op(9),
    commitMin: Op(6),
    checkpointOp: Op(0),
    filesSince: Op(0),
    nackBits: 0,
    presentBits: 7,
  };
  return encodeMessage('doViewChange', fields, encodeHeaderList(headers), mix128);
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
    expect(shorter).toMatchObject({ body: { length: 256 } });
    const [conflicting] = forged(doViewChange(), { kind: 'conflicting_tail' });
    expect(conflicting).not.toEqual(doViewChange());
    expect(conflicting).toMatchObject({ header: { op: 9 } });
    const [foreign] = forged(doViewChange(), { kind: 'other_cluster' });
    expect(foreign).toMatchObject({ header: { cluster: 6n } });
    const [named] = forged(doViewChange(), { kind: 'other_name' });
    expect(named).toMatchObject({ header: { replica: 2 } });
  });

  it('is no message where the checksum is what is attacked', () => {
    expect(forged(doViewChange(), { kind: 'corrupt_checksum' })).toEqual(['header_checksum']);
    expect(forged(doViewChange(), { kind: 'tamper_body' })).toEqual(['body_checksum']);
  });

  it('comes as often, or with as much beside it, as the mutation says', () => {
    expect(forged(doViewChange(), { kind: 'duplicate', times: 10 })).toHaveLength(10);
    const beside = forged(doViewChange(), { kind: 'invalid_range' });
    expect(beside[1]).toMatchObject({ header: { command: 'requestHeaders', opMin: 10, opMax: 9 } });
    const acks = forge(prepareOf(4), { kind: 'false_ack' }, CONTEXT) ?? [];
    expect(acks).toMatchObject([{ from: 2, to: 1, command: 'prepareOk' satisfies Command }]);
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
