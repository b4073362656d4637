import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';

/**
 * Works out anew whether enough clocks agree, and remembers since when they don't. Every replica
 * does: the next primary needs its clock at once.
 */
export function onClockSyncTimeout(r: Replica): void {
  r.timers.start('clockSync');
  if (r.clock.synchronize({ monotonic: r.monotonic, wall: r.wall })) {
    trace(r, { kind: 'clock', synchronized: r.clock.synchronized });
  }
  if (r.clock.synchronized) r.clockLostSince = null;
  else r.clockLostSince ??= r.tick;
}
