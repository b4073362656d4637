import { TIMEOUTS_DEFAULT, type TimeoutTable } from '@kimberlite/vsr';
import type { Profile } from './configuration/schema.ts';

/** For machines in one rack: a dead primary is noticed in about 200 ms. In ticks of 10 ms. */
const TIMEOUTS_LAN: TimeoutTable = {
  heartbeat: 3,
  silence: 15,
  prepare: 10,
  ping: 10,
  startViewChange: 5,
  startViewChangeWindow: 250,
  doViewChange: 10,
  viewChange: 60,
  requestStartView: 10,
  repair: 3,
  abdicate: 25,
  repairExpiry: 50,
  scrub: 10,
};

/** For replicas in several regions, with round trips up to about 300 ms. */
const TIMEOUTS_WAN: TimeoutTable = {
  heartbeat: 50,
  silence: 250,
  prepare: 100,
  ping: 100,
  startViewChange: 50,
  startViewChangeWindow: 2500,
  doViewChange: 100,
  viewChange: 750,
  requestStartView: 100,
  repair: 25,
  abdicate: 375,
  repairExpiry: 200,
  scrub: 10,
};

/** A profile is a set of timeouts, and nothing else. */
export function timeoutsOf(profile: Profile): TimeoutTable {
  switch (profile) {
    case 'default':
      return TIMEOUTS_DEFAULT;
    case 'lan':
      return TIMEOUTS_LAN;
    case 'wan':
      return TIMEOUTS_WAN;
  }
}
