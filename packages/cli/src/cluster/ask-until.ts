import { setTimeout as pause } from 'node:timers/promises';

const POLL_MILLIS = 100;

/** Asks again and again until the answer will do, or for so many milliseconds; the last answer. */
export async function askUntil<T>(
  ask: () => Promise<T>,
  willDo: (answer: T) => boolean,
  millis: number,
): Promise<T> {
  const until = performance.now() + millis;
  for (;;) {
    const answer = await ask();
    if (willDo(answer) || performance.now() >= until) return answer;
    await pause(POLL_MILLIS);
  }
}
