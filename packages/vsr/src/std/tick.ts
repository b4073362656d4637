/** One tick: 10 ms. All timeouts count these. */
export const TICK_MICROS = 10_000;
