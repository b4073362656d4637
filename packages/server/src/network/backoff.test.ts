import { Prng } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from './address.ts';
import { backoffMillis } from './backoff.ts';

describe('the pause before a dial', () => {
  it('grows from 25 to at most 1000 ms, and is drawn', () => {
    const prng = new Prng(1n);
    for (let attempt = 0; attempt < 40; attempt += 1) {
      const drawn = Array.from({ length: 50 }, () => backoffMillis(attempt, prng));
      expect(Math.min(...drawn)).toBeGreaterThanOrEqual(25);
      expect(Math.max(...drawn)).toBeLessThanOrEqual(1000);
      expect(new Set(drawn).size).toBeGreaterThan(5);
      if (attempt > 6) expect(Math.min(...drawn)).toBeGreaterThanOrEqual(500);
    }
  });
});

describe('addresses', () => {
  it('are host:port, with brackets around a v6 host', () => {
    expect(parseAddress('db-0.db.svc:7101')).toEqual({ host: 'db-0.db.svc', port: 7101 });
    expect(parseAddress('[::1]:7101')).toEqual({ host: '::1', port: 7101 });
    for (const bad of ['', 'host', 'host:', ':1', '::1:7', 'h:99999', 'h h:1', '[::1]']) {
      expect(parseAddress(bad)).toBeNull();
    }
    for (const text of ['a:1', '[::1]:2']) {
      const address = parseAddress(text);
      expect(address === null ? '' : formatAddress(address)).toBe(text);
    }
  });
});
