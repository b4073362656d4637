import type { Prng } from '@kimberlite/vsr';

/** Steps of the table: the largest draw is about 7.6 times the mean. */
const STEPS = 1024;
const LN2 = 0.6931471805599453;

/**
 * Natural logarithm by its series, out of plain arithmetic only: the engine's own may differ in the
 * last bit between machines, and a trace must not.
 */
function naturalLog(value: number): number {
  let scaled = value;
  let halvings = 0;
  while (scaled < 0.5) {
    scaled *= 2;
    halvings += 1;
  }
  const ratio = (scaled - 1) / (scaled + 1);
  const square = ratio * ratio;
  let power = ratio;
  let sum = 0;
  for (let term = 1; term < 60; term += 2) {
    sum += power / term;
    power *= square;
  }
  return 2 * sum - halvings * LN2;
}

const TABLE: Float64Array = new Float64Array(STEPS);
for (let step = 0; step < STEPS; step += 1) TABLE[step] = -naturalLog((step + 0.5) / STEPS);

/** An exponentially distributed whole number with the given mean; zero for mean zero. */
export function drawExponential(prng: Prng, mean: number): number {
  const factor = TABLE[prng.u32() & (STEPS - 1)] ?? 1;
  return Math.floor(factor * mean);
}
