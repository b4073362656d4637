import { writeU64 } from '@kimberlite/store';
import { ClientId, OPERATION_NOOP } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { counterWorkload, OPERATION_ADD, OPERATION_READ } from '../workload/counter-machine.ts';
import { SecondJudge } from './second-judge.ts';

const ALICE = ClientId(1n);
const BOB = ClientId(2n);

function judge(): SecondJudge {
  const { judge: ofCounters } = counterWorkload;
  if (ofCounters === undefined) throw new Error('counters have a judge');
  return new SecondJudge(ofCounters);
}

function add(amount: number) {
  return { operation: OPERATION_ADD, body: new Uint8Array([3, amount]) };
}

const READ = { operation: OPERATION_READ, body: new Uint8Array([3]) };

function answer(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeU64(new DataView(bytes.buffer), 0, value);
  return bytes;
}

describe('the second judge', () => {
  it('allows requests beside each other in either order, and one that may have happened', () => {
    const second = judge();
    second.onInvoked(ALICE, add(1));
    second.onInvoked(BOB, add(2));
    second.onReplied(ALICE, answer(3));
    second.onReplied(BOB, answer(2));
    second.onInvoked(ALICE, add(10));
    second.onIndefinite(ALICE);
    second.onInvoked(BOB, READ);
    second.onReplied(BOB, answer(3));
    second.onInvoked(BOB, READ);
    second.onReplied(BOB, answer(13));
    second.onInvoked(BOB, add(50));
    second.onRefusedDefinitely(BOB);
    second.onInvoked(BOB, { operation: OPERATION_NOOP, body: new Uint8Array(0) });
    second.onReplied(BOB, new Uint8Array(0));
    second.onInvoked(ALICE, add(7));
    expect(() => second.onEnd()).not.toThrow();
  });

  it('catches a write that was answered and is lost', () => {
    const second = judge();
    second.onInvoked(ALICE, add(1));
    second.onReplied(ALICE, answer(1));
    second.onInvoked(BOB, READ);
    second.onReplied(BOB, answer(0));
    expect(() => second.onEnd()).toThrow('linearizable');
  });

  it('catches one that happened twice', () => {
    const second = judge();
    second.onInvoked(ALICE, add(1));
    second.onReplied(ALICE, answer(1));
    second.onInvoked(BOB, add(1));
    second.onReplied(BOB, answer(3));
    expect(() => second.onEnd()).toThrow('linearizable');
  });

  it('catches one that happened although it was refused for sure', () => {
    const second = judge();
    second.onInvoked(ALICE, add(5));
    second.onRefusedDefinitely(ALICE);
    second.onInvoked(BOB, READ);
    second.onReplied(BOB, answer(5));
    expect(() => second.onEnd()).toThrow('linearizable');
  });

  it('catches a value that goes back', () => {
    const second = judge();
    second.onInvoked(ALICE, add(5));
    second.onInvoked(BOB, READ);
    second.onReplied(BOB, answer(5));
    second.onInvoked(BOB, READ);
    second.onReplied(BOB, answer(0));
    second.onIndefinite(ALICE);
    expect(() => second.onEnd()).toThrow('linearizable');
  });

  it('says whether it knows', () => {
    const unsure = new SecondJudge(() => ({ kind: 'undecided', steps: 1 }));
    unsure.onInvoked(ALICE, add(1));
    expect(unsure.onEnd()).toBe(false);
    const sure = judge();
    sure.onInvoked(ALICE, add(1));
    expect(sure.onEnd()).toBe(true);
  });
});
