import { describe, expect, it } from 'vitest';
import { EventQueue } from '../std/event-queue.ts';
import { FAULT_KINDS, FaultGate, NOTHING_REMOVED } from './fault-gate.ts';

describe('fault gate', () => {
  it('lets everything pass when nothing is removed, and counts it', () => {
    const gate = new FaultGate(new EventQueue(), { removed: NOTHING_REMOVED, closedFrom: null });
    for (const kind of FAULT_KINDS) expect(gate.allow(kind, 0)).toBe(true);
    expect(Object.values(gate.counts()).every((count) => count === 1)).toBe(true);
  });

  it('holds back ordinals of one kind, and numbers the others as before', () => {
    const removed = { faults: { loss: [[1, 2] as const, [4, null] as const] }, clients: [] };
    const gate = new FaultGate(new EventQueue(), { removed, closedFrom: null });
    const passed = Array.from({ length: 6 }, () => gate.allow('loss', 0, 1));
    expect(passed).toEqual([true, false, false, true, false, false]);
    expect(gate.allow('crash', 0)).toBe(true);
    expect(gate.count('loss')).toBe(6);
  });

  it('numbers what can do nothing now like the rest, and notes what happens', () => {
    const removed = { faults: { crash: [[2, 2] as const] }, clients: [] };
    const gate = new FaultGate(new EventQueue(), { removed, closedFrom: null });
    gate.allow('crash', 0);
    gate.record();
    gate.skip('crash');
    expect(gate.allow('crash', 0)).toBe(false);
    expect(gate.allow('crash', 1)).toBe(true);
    expect(gate.count('crash')).toBe(4);
    expect(gate.ordinals('crash')).toEqual([3]);
    expect(gate.ordinals('pause')).toEqual([]);
  });

  it('closes at an event for faults, and stays open for requests and deliveries', () => {
    const queue = new EventQueue();
    const gate = new FaultGate(queue, { removed: NOTHING_REMOVED, closedFrom: 1 });
    expect(gate.allow('crash', 0)).toBe(true);
    queue.after(1, () => {});
    queue.step();
    expect(gate.allow('crash', 0)).toBe(false);
    expect(gate.allow('request', 0)).toBe(true);
    expect(gate.allow('delivery', 0)).toBe(true);
  });

  it('tells each fault but deliveries', () => {
    const gate = new FaultGate(new EventQueue(), { removed: NOTHING_REMOVED, closedFrom: null });
    const told: string[] = [];
    gate.onFault = (fault) =>
      told.push(`${fault.kind} ${fault.ordinal} ${fault.place} ${fault.otherPlace}`);
    gate.allow('loss', 2, 3);
    gate.allow('delivery', 2, 3);
    gate.allow('crash', 1);
    expect(told).toEqual(['loss 0 2 3', 'crash 0 1 -1']);
  });
});
