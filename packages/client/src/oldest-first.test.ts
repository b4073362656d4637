import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OldestFirst } from './oldest-first.ts';

describe('what is kept oldest first', () => {
  it('is what a list would keep, whatever is added and removed', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('add' as const) }),
        fc.record({ kind: fc.constant('first' as const) }),
        fc.record({ kind: fc.constant('remove' as const), at: fc.nat(5) }),
      ),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(steps, (history) => {
        const kept = new OldestFirst<number>();
        const model: number[] = [];
        for (const [number, step] of history.entries()) {
          if (step.kind === 'add') {
            kept.add(number);
            model.push(number);
          } else if (step.kind === 'remove') {
            for (const removed of model.splice(step.at, 1)) kept.delete(removed);
          } else {
            expect(kept.first()).toBe(model[0] ?? null);
          }
          expect(kept.size).toBe(model.length);
        }
        const visited: number[] = [];
        kept.forEach((item) => {
          visited.push(item);
          kept.delete(item);
        });
        expect(visited).toEqual(model);
        expect(kept.first()).toBeNull();
      }),
    );
  });
});
