import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

const CLIENTS = 7;

/** Clients that all ask ten times as often for a while, and then as before. */
export const bursts: Scenario = {
  name: 'bursts',
  group: 'core',
  purpose: 'load that grows tenfold at once and falls again',
  faults: 'loss 1 %, delays of 1 to 6 ms',
  workload: 'seven clients that ask three times a second, in bursts thirty times',
  property: 'queues stay within their sizes, and what is asked in a burst is answered once',
  witnesses: [
    { counter: 'bursts', least: 3 },
    { counter: 'requestsAnswered', least: 200 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      clientCount: CLIENTS,
      requestsTarget: base.config.walSlots * 6,
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 5_000,
        lossProbability: 0.01,
        reorder: true,
      },
      clients: {
        ...CLIENTS_BUSY,
        requestProbability: 0.03,
        queryProbability: 0.03,
        bursts: { factor: 10, beginProbability: 0.01, endProbability: 0.02 },
      },
    };
  },
};
