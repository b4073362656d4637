import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CONFIG_DEFAULT,
  CONFIG_DEV,
  CONFIG_SIMULATION,
  configEquals,
  configFault,
} from './config.ts';

describe('the sizes of a cluster', () => {
  it('work together as they are offered', () => {
    for (const config of [CONFIG_DEFAULT, CONFIG_DEV, CONFIG_SIMULATION]) {
      expect(configFault(config)).toBeNull();
    }
  });

  it('are the same in whatever order they are written down', () => {
    const names = Object.keys(CONFIG_DEFAULT) as (keyof typeof CONFIG_DEFAULT)[];
    fc.assert(
      fc.property(fc.shuffledSubarray(names, { minLength: names.length }), (order) => {
        const entries = order.map((name) => [name, CONFIG_DEFAULT[name]]);
        expect(
          configEquals({ ...CONFIG_DEFAULT, ...Object.fromEntries(entries) }, CONFIG_DEFAULT),
        ).toBe(true);
        for (const name of names) {
          const other = { ...Object.fromEntries(entries), [name]: CONFIG_DEFAULT[name] + 1 };
          expect(configEquals(other, CONFIG_DEFAULT)).toBe(false);
        }
      }),
    );
  });

  it.each([
    ['message size', { messageSizeMax: 5000 }],
    ['1 MiB', { messageSizeMax: 2 * 1024 * 1024 }],
    ['multiple of 16', { walSlots: 1000 }],
    ['pipeline', { pipelineMax: 31 }],
    ['headers of a pipeline', { pipelineMax: 20, messageSizeMax: 4096 }],
    ['even', { checkpointInterval: 641 }],
    ['at least interval', { checkpointInterval: 720 }],
    ['block size', { blockSize: 1000 }],
    ['one session', { sessionsMax: 0 }],
  ])('are refused when they cannot: %s', (reason, change) => {
    expect(configFault({ ...CONFIG_DEFAULT, ...change })).toContain(reason);
  });
});
