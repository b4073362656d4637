import { SCRUB_DEFAULT, type ScrubOptions, TICK_MICROS } from '@kimberlite/vsr';

const TICKS_PER_SECOND = 1_000_000 / TICK_MICROS;
/** Part of what the disk can read that scrubbing may take. */
const SHARE = 0.1;

/**
 * How the scrubber is paced: a tour in the configured time, with at most a tenth of the read rate
 * that was measured at the start; of a disk whose rate is unknown, a tenth of 100 MB/s.
 */
export function scrubPace(options: {
  readonly tourSeconds: number;
  /** Bytes a second; null when nothing could be measured. */
  readonly readRate: number | null;
}): ScrubOptions {
  const { tourSeconds, readRate } = options;
  return {
    tourTicks: tourSeconds * TICKS_PER_SECOND,
    bytesPerTick:
      readRate === null
        ? SCRUB_DEFAULT.bytesPerTick
        : Math.max(1, Math.floor((readRate * SHARE) / TICKS_PER_SECOND)),
  };
}
