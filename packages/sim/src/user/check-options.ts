import { SEED_MAX } from '../std/seed-max.ts';
import type { StateMachineTest } from './test-state-machine.ts';

/**
 * Refuses what no test can be made of, by the name of the option: a TypeError where it is of
 * another type, a RangeError where it is out of range.
 */
export function checkOptions({ seed, runs, replays, onRun }: StateMachineTest): void {
  if (typeof seed !== 'bigint') {
    throw new TypeError(`seed must be a bigint, such as 1n, not ${shown(seed)}`);
  }
  if (seed < 0n || seed > SEED_MAX) {
    throw new RangeError(`seed must be from 0n to 2^64 - 1, not ${seed}n`);
  }
  checkCount('runs', runs, 1);
  if (seed + BigInt(runs) - 1n > SEED_MAX) {
    throw new RangeError(`runs must not go beyond seed 2^64 - 1: ${runs} from ${seed}n do`);
  }
  if (replays !== undefined) checkCount('replays', replays, 0);
  if (onRun !== undefined && typeof onRun !== 'function') {
    throw new TypeError(`onRun must be a function, not ${shown(onRun)}`);
  }
}

function checkCount(option: string, count: number, least: number): void {
  const wanted = `${option} must be a whole number from ${least}`;
  if (typeof count !== 'number') throw new TypeError(`${wanted}, not ${shown(count)}`);
  if (!Number.isSafeInteger(count) || count < least) {
    throw new RangeError(`${wanted}, not ${count}`);
  }
}

function shown(value: unknown): string {
  const type = value === null ? 'null' : typeof value;
  const text = type === 'number' || type === 'string' || type === 'bigint';
  return text ? `the ${type} ${String(value)}` : type;
}
