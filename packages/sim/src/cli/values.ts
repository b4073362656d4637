import type { MutantPart } from '../mutants/mutant.ts';
import { SEED_MAX } from '../std/seed-max.ts';

/** A value on the command line that is not what it must be, in one line. */
export class WrongValue extends Error {
  override readonly name = 'WrongValue';
}

/** A share of a campaign: which one, from 0, of how many. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

export function seedOf(text: string): bigint {
  if (isNegative(text)) {
    throw new WrongValue(`--seed ${text}: no seed is negative; there are those from 0 to 2^64 - 1`);
  }
  if (!/^[0-9]{1,20}$/.test(text) || BigInt(text) > SEED_MAX) {
    throw new WrongValue(`--seed takes a number from 0 to 2^64 - 1, not '${text}'`);
  }
  return BigInt(text);
}

/** So many seeds from the first one: the generator has no seed beyond the last. */
export function refuseBeyondLastSeed(seed: bigint, runs: number): void {
  const left = SEED_MAX - seed + 1n;
  if (BigInt(runs) <= left) return;
  throw new WrongValue(
    `${runs} runs from --seed ${seed} go beyond the last seed, 2^64 - 1; there are ${left} from there`,
  );
}

export function countOf(option: string, text: string, most: number): number {
  if (/^-?0+$/.test(text)) {
    throw new WrongValue(`${option} ${text} asks for nothing; it takes a number from 1 to ${most}`);
  }
  const count = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= most) return count;
  throw new WrongValue(`${option} takes a number from 1 to ${most}, not '${text}'`);
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `90s`, `10m`, `8h` or `1d`, in seconds. */
export function secondsOf(text: string): number {
  const match = /^([0-9]{1,6})([smhd])$/.exec(text);
  const seconds = Number(match?.[1] ?? 0) * (UNITS[match?.[2] ?? ''] ?? 0);
  if (seconds > 0) return seconds;
  if (isNegative(text) || /^0+[smhd]$/.test(text)) {
    throw new WrongValue(
      `--for ${text} is no time to run for; it takes one such as 90s, 10m or 8h`,
    );
  }
  throw new WrongValue(`--for takes a time such as 90s, 10m or 8h, not '${text}'`);
}

function isNegative(text: string): boolean {
  return /^-[0-9]/.test(text);
}

/** `I/N`: share I of N, counted from 1. */
export function shardOf(text: string): Shard {
  const match = /^([0-9]{1,5})\/([0-9]{1,5})$/.exec(text);
  const share = Number(match?.[1] ?? 0);
  const of = Number(match?.[2] ?? 0);
  if (share >= 1 && share <= of) return { index: share - 1, of };
  throw new WrongValue(`--shard takes I/N with I from 1 to N, such as 3/8, not '${text}'`);
}

/** `K/N`: any K, so that a seed or a count of builds will do. */
export function partOf(text: string): MutantPart {
  const match = /^([0-9]{1,20})\/([1-9][0-9]{0,3})$/.exec(text);
  if (match === null) throw new WrongValue(`--part takes K/N, such as 3/10, not '${text}'`);
  const of = Number(match[2]);
  return { of, index: Number(BigInt(match[1] ?? '0') % BigInt(of)) };
}

/** The one of that name, however it is spelled: `PowerCuts` and `power-cuts` are `power_cuts`. */
export function named<T extends { readonly name: string; readonly title?: string }>(
  what: string,
  list: readonly T[],
  text: string,
): T {
  const wanted = plain(text);
  const found = list.find(
    ({ name, title = name }) => plain(name) === wanted || plain(title) === wanted,
  );
  if (found !== undefined) return found;
  const near = list.filter(({ name }) => plain(name).includes(plain(text))).map(({ name }) => name);
  const hint = near.length === 0 ? "'vopr list' shows them" : `perhaps ${near.join(', ')}`;
  throw new WrongValue(`there is no ${what} '${text}'; ${hint}`);
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}
