import { TIMEOUT_NAMES, type TimeoutName } from '@kimberlite/vsr';

type Kebab<Text extends string> = Text extends `${infer First}${infer Rest}`
  ? First extends Lowercase<First>
    ? `${First}${Kebab<Rest>}`
    : `-${Lowercase<First>}${Kebab<Rest>}`
  : Text;

/** Configuration key of one timeout, such as `timeout-view-change`; its value is milliseconds. */
export type TimeoutKey = `timeout-${Kebab<TimeoutName>}`;

/** The configuration key of a timeout. */
export function timeoutKey(name: TimeoutName): TimeoutKey {
  const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return `timeout-${kebab}` as TimeoutKey; // SAFETY: as the type spells it.
}

/** Each timeout with its key. */
export const TIMEOUT_KEYS: readonly (readonly [TimeoutName, TimeoutKey])[] = TIMEOUT_NAMES.map(
  (name) => [name, timeoutKey(name)],
);
