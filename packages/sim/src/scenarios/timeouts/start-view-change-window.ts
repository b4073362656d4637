import { CONGESTION_AGGRESSIVE } from '../../network/congestion.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Votes that come late. */
export const startViewChangeWindow: Scenario = {
  name: 'StartViewChangeWindow',
  group: 'timeouts',
  purpose: 'votes for a view count only for a while',
  faults:
    'aggressive congestion, loss 10 %, primaries cut off, replicas that do not hear and vote for ' +
    'long; a window of 0.8 s',
  workload: 'four busy clients',
  property: 'a view moves on a quorum of votes of the same view only',
  witnesses: [
    { counter: 'viewChangesCompleted', least: 3 },
    { counter: 'congestions', least: 100 },
    { counter: 'voteWindowsExpired', least: 3 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      // As short as it may be beside the view change: votes of one replica alone outlast it.
      timeouts: { ...base.timeouts, viewChange: 60, startViewChangeWindow: 80 },
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 8_000,
        lossProbability: 0.1,
        replayProbability: 0.02,
        capacity: 1000,
        reorder: true,
        congestion: CONGESTION_AGGRESSIVE,
      },
      partitions: {
        modes: ['isolate_primary', 'isolate_one'],
        symmetry: 'mixed',
        beginProbability: 0.02,
        healProbability: 0.008,
        stableTicksMin: 30,
      },
    };
  },
};
