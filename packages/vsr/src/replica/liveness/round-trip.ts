import { setHas } from '../../std/bitset.ts';
import { TICK_MICROS } from '../../std/tick.ts';
import type { Replica } from '../replica.ts';

/** Weight of a new sample. */
const ALPHA = 0.2;
/** An answer after more ticks than this is none: it slept somewhere, or is to an older ping. */
const SAMPLE_MAX = 200;

/**
 * A peer answered after so many microseconds. The timers follow the round trip that a quorum needs:
 * what waits for an answer waits longer where answers take longer.
 */
export function learnRoundTrip(r: Replica, slot: number, micros: number): void {
  const sample = micros / TICK_MICROS;
  if (sample < 0 || sample > SAMPLE_MAX) return;
  const known = r.roundTrips.get(slot);
  r.roundTrips.set(slot, known === undefined ? sample : known * (1 - ALPHA) + sample * ALPHA);
  r.timers.adapt(quorumRoundTrip(r));
}

/** Round trip to the slowest of the fastest peers that make a quorum of each kind, in ticks. */
export function quorumRoundTrip(r: Replica): number {
  if (r.roundTrips.size === 0) return 0;
  const known: number[] = [];
  for (const [slot, ticks] of r.roundTrips) {
    if (slot !== r.slot && setHas(r.voters, slot)) known.push(ticks);
  }
  known.sort((first, other) => first - other);
  const peers = Math.max(r.quorums.replication, r.quorums.viewChange) - 1;
  return known[Math.min(known.length, peers) - 1] ?? 0;
}
