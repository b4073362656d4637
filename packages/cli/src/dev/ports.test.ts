import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { findFreeBase, isFree, portFault, portsOf } from './ports.ts';

/** Fractions that go round [0, 1) without repeating soon: which ports are free is not ours. */
function fractions(): () => number {
  let at = 0;
  return () => {
    at = (at + 0.618_033_988_749) % 1;
    return at;
  };
}

describe('the ports of dev', () => {
  it('are base + 10 n for clients, and the two above', () => {
    expect(portsOf(7100, 3)).toEqual([
      { client: 7100, peer: 7101, http: 7102 },
      { client: 7110, peer: 7111, http: 7112 },
      { client: 7120, peer: 7121, http: 7122 },
    ]);
  });

  it('are free when they are looked for, whatever was drawn first', async () => {
    let base = await findFreeBase(1, fractions());
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen({ host: '127.0.0.1', port: base + 1 }, () => resolve());
    });
    try {
      expect(await isFree(base + 1)).toBe(false);
      expect(await portFault(portsOf(base, 1))).toMatchObject({
        code: 'port_in_use',
        message: `cannot listen for peers on 127.0.0.1:${base + 1}: EADDRINUSE`,
      });
      // The first draw leads to the port that is taken; the next must not.
      const draws = [(base - 11_000) / 20_000];
      const others = fractions();
      const found = await findFreeBase(1, () => draws.pop() ?? others());
      expect(found).not.toBe(base);
      for (const { client, peer, http } of portsOf(found, 1)) {
        for (const port of [client, peer, http]) expect(await isFree(port)).toBe(true);
        expect(await portFault(portsOf(found, 1))).toBeNull();
      }
      base = found;
    } finally {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    }
  });
});
