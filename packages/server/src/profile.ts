import { type TimeoutName, type TimeoutTable, timeoutsOfProfile } from '@kimberlite/vsr';
import type { Profile } from './configuration/schema.ts';

/** The timeouts of a profile, some of them replaced; in ticks of 10 ms. */
export function timeoutsOf(
  profile: Profile,
  changed: Readonly<Partial<Record<TimeoutName, number>>> = {},
): TimeoutTable {
  return { ...timeoutsOfProfile(profile), ...changed };
}
