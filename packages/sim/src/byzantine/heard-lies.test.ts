import { describe, expect, it } from 'vitest';
import { HeardLies } from './heard-lies.ts';

const LIAR = 2;

function lies(): HeardLies {
  return new HeardLies(LIAR, { stray: false });
}

describe('a lie that arrives', () => {
  it('is refused once, by the one who hears it, however many of its parts are', () => {
    const heard = lies();
    heard.hear({ from: LIAR, to: 0, lie: 'shift_op' }, () => {
      expect(heard.onRefused(1)).toBe(false);
      expect(heard.onRefused(0)).toBe(true);
      expect(heard.onRefused(0)).toBe(false);
    });
    expect(heard.onRefused(0)).toBe(false);
    heard.onUndecodable();
    expect(heard).toMatchObject({ delivered: 2, rejected: 2 });
    expect(heard.wasTold(0)).toBe(false);
  });

  it('counts for nothing where it comes back to the liar', () => {
    const heard = lies();
    heard.hear({ from: 0, to: LIAR, lie: 'shift_op' }, () => {
      expect(heard.onRefused(LIAR)).toBe(false);
    });
    expect(heard).toMatchObject({ delivered: 0, rejected: 0 });
  });

  it('reaches all who hear somebody whom it has reached, and nobody before', () => {
    const heard = lies();
    const nothing = (): void => {};
    heard.hear({ from: 0, to: 1, lie: null }, nothing);
    expect(heard.any).toBe(false);
    heard.hear({ from: LIAR, to: 0, lie: 'shift_op' }, nothing);
    expect([heard.hasReached(0), heard.hasReached(1)]).toEqual([true, false]);
    heard.hear({ from: 0, to: 1, lie: null }, nothing);
    expect([heard.hasReached(1), heard.wasTold(0), heard.wasTold(1)]).toEqual([true, true, false]);
  });

  it('has reached the liar whose own state is the wrong one', () => {
    const heard = new HeardLies(LIAR, { stray: true });
    expect([heard.any, heard.hasReached(LIAR), heard.wasTold(LIAR)]).toEqual([true, true, true]);
    expect(heard.hasReached(0)).toBe(false);
  });
});
