import type { Observed } from '../cluster/observer.ts';
import { type DrawnFault, isAsked } from '../faults/fault-gate.ts';
import type { Bundle } from './bundle.ts';
import { type EarlySign, EarlySigns } from './early-signs.ts';
import { partsOf, type ReplayParts, replay, sameFailure } from './replay.ts';

/** Where a run went wrong. */
export interface Bisection {
  /** Events of the run until it failed. */
  readonly failedAt: number;
  /**
   * The first event after which the run fails whatever else does or does not befall it: without
   * any fault from here on it still fails. Zero when it fails without a single fault.
   */
  readonly doomedFrom: number;
  /** The faults of the event before: those that decided. */
  readonly deciding: readonly DrawnFault[];
  /** The first thing that was wrong for who sees everything; null when nothing was. */
  readonly sign: EarlySign | null;
  readonly replays: number;
}

export interface BisectOptions extends ReplayParts {
  /** Told before each replay: failing is known from `most` on, passing up to `least`. */
  readonly onProgress: (progress: { readonly least: number; readonly most: number }) => void;
}

/** Longer than the failing run by so much may a calm one go on until it has failed or passed. */
const PATIENCE = 8;

/**
 * Finds the first bad event of a failing run by replays: halves the events between the last one
 * from which a calm run still passes and the first one from which it no longer does. Null when the
 * bundle does not fail here.
 */
export function bisect(bundle: Bundle, options: BisectOptions): Bisection | null {
  const signs = new EarlySigns();
  const first = replay(bundle, {
    onCluster: (cluster) => signs.attach(cluster),
    observer: (seen) => signs.observe(seen),
    ...partsOf(options),
  });
  if (!sameFailure(bundle, first)) return null;
  const failedAt = first.event;
  let replays = 1;
  const fails = (calmFrom: number): boolean => {
    replays += 1;
    const eventsMax = failedAt * PATIENCE;
    return sameFailure(bundle, replay(bundle, { calmFrom, eventsMax, ...partsOf(options) }));
  };
  let least = 0;
  let most = failedAt + 1;
  options.onProgress({ least, most });
  if (fails(0)) {
    return { failedAt, doomedFrom: 0, deciding: [], sign: signs.first, replays };
  }
  while (most - least > 1) {
    const middle = Math.floor((least + most) / 2);
    if (fails(middle)) most = middle;
    else least = middle;
    options.onProgress({ least, most });
  }
  const deciding: DrawnFault[] = [];
  replays += 1;
  replay(bundle, {
    calmFrom: most,
    eventsMax: most + 1,
    ...partsOf(options),
    observer: ({ event, what }: Observed) => {
      const fault = what.kind === 'fault' && !isAsked(what.fault.kind) ? what.fault : null;
      if (fault !== null && event === least && !fault.removed) deciding.push(fault);
    },
  });
  return { failedAt, doomedFrom: most, deciding, sign: signs.first, replays };
}
