import {
  type Prng,
  TIMEOUT_NAMES,
  TIMEOUT_RELATIONS,
  TIMEOUTS_DEFAULT,
  type TimeoutName,
  type TimeoutTable,
  timeoutsFault,
  timeoutsOfProfile,
} from '@kimberlite/vsr';
import type { HintOptions } from '../cluster/hints.ts';

/**
 * Three in seven runs with the default timeouts, two with another profile, two with each timeout
 * drawn for itself between half and twice its default, made to fit the others.
 */
export function drawTimeouts(prng: Prng): TimeoutTable {
  const kind = prng.pick([
    'default',
    'default',
    'default',
    'lan',
    'wan',
    'drawn',
    'drawn',
  ] as const);
  if (kind !== 'drawn') return timeoutsOfProfile(kind);
  const drawn = TIMEOUT_NAMES.map((name): [TimeoutName, number] => {
    const ticks = TIMEOUTS_DEFAULT[name];
    return [name, prng.between(Math.max(1, Math.floor(ticks / 2)), 2 * ticks)];
  });
  // SAFETY: one entry for each name.
  const table = Object.fromEntries(drawn) as Record<TimeoutName, number>;
  while (timeoutsFault(table) !== null) {
    for (const { longer, shorter, times } of TIMEOUT_RELATIONS) {
      const least = times * table[shorter] + 1;
      if (table[longer] < least) table[longer] = least;
    }
  }
  return table;
}

/** Who learns of deaths, how soon, and who is told what is not so. */
export function drawHints(prng: Prng): HintOptions {
  return {
    toldProbability: prng.pick([0, 0.5, 1, 1]),
    delayMeanMicros: prng.between(1, prng.pick([10, 500])) * 1_000,
    falseProbability: prng.pick([0, 0, 1 / 1_000, 1 / 50]),
  };
}
