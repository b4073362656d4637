import { FATAL_REASONS } from '@kimberlite/vsr';

/** The reason with its meaning. */
export function stopReasonText(reason: string): string {
  const meaning = Object.entries(FATAL_REASONS).find(([name]) => name === reason)?.[1];
  return meaning === undefined ? reason : `${reason} (${meaning})`;
}
