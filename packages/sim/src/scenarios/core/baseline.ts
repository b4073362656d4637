import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** The reference that the others are compared with. */
export const baseline: Scenario = {
  name: 'Baseline',
  group: 'core',
  purpose: 'a healthy cluster of three: nothing fails',
  faults: 'none; links of 1 to 5 ms',
  workload: 'four busy clients',
  property: 'all requests are answered and the log wraps',
  witnesses: [
    { counter: 'requestsAnswered', least: 96 },
    { counter: 'walWraps', least: 1 },
  ],
  options: (seed) => healthy(seed),
};
