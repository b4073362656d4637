import { BLOCK_CACHE_SIZE_DEFAULT, timeoutRow } from '@kimberlite/vsr';
import { z } from 'zod';
import { parseAddress } from '../network/address.ts';
import { LOG_LEVELS, type LogLevel } from '../observe/logger.ts';
import { TIMEOUT_KEYS, type TimeoutKey } from './timeout-keys.ts';

/** Named sets of timeouts (docs/configuration.md). Sizes are chosen at format. */
export const PROFILES = ['default', 'lan', 'wan'] as const;
/** The name of a set of timeouts. */
export type Profile = (typeof PROFILES)[number];

/** Sixteen of the largest blocks: with fewer, reads would push out each other's. */
const BLOCK_CACHE_SIZE_MIN = 1024 * 1024;

const U128_LIMIT = 1n << 128n;

const ADDRESS_WORDS = 'must be host:port, such as 127.0.0.1:7100';
const address = z
  .string(ADDRESS_WORDS)
  .refine((text) => parseAddress(text) !== null, ADDRESS_WORDS);

const HTTP_WORDS = 'must be host:port, such as 127.0.0.1:7102, or off';

const CLUSTER_WORDS = 'must be a number below 2^128, decimal or 0x hex';
const clusterId = z
  .union([z.number().int(CLUSTER_WORDS).nonnegative(CLUSTER_WORDS), z.string()], CLUSTER_WORDS)
  .refine((value) => clusterOf(value) !== null, CLUSTER_WORDS);

const ADDRESSES_WORDS = 'must be a list of 1 to 6 times host:port';

function oneOf(names: readonly string[]): string {
  return `must be one of ${names.join(', ')}`;
}

/** Every refusal says the whole range, whatever is wrong with the value. */
function wholeNumber(min: number, max: number): z.ZodNumber {
  const words = `must be a whole number from ${min} to ${max}, in digits alone`;
  return z.number(words).int(words).min(min, words).max(max, words);
}

/** The cluster's number, or null when the text is not one. */
export function clusterOf(value: string | number): bigint | null {
  const text = String(value);
  if (!/^(\d{1,39}|0x[0-9a-fA-F]{1,32})$/.test(text)) return null;
  const cluster = BigInt(text);
  return cluster < U128_LIMIT ? cluster : null;
}

/** Milliseconds of one timeout, where it is not the profile's. */
export type TimeoutValues = { readonly [K in TimeoutKey]?: number | undefined };

/** All values in effect, under their TOML names. */
export interface ConfigurationValues extends TimeoutValues {
  readonly 'data-file': string;
  readonly cluster?: string | number | undefined;
  readonly replica?: number | undefined;
  readonly addresses: readonly string[];
  readonly 'client-address'?: string | undefined;
  readonly 'peer-address'?: string | undefined;
  readonly 'http-address'?: string | undefined;
  readonly 'client-connections': number;
  readonly profile: Profile;
  readonly 'log-level': LogLevel;
  readonly 'scrub-tour-seconds': number;
  readonly 'block-cache-bytes': number;
}

/** The name of a value, as in the TOML file and without the dashes of its flag. */
export type ConfigurationKey = keyof ConfigurationValues;

const TIMEOUT_WORDS = 'must be milliseconds from 10 to 600000, a multiple of 10, in digits alone';
const timeoutMillis = z
  .number(TIMEOUT_WORDS)
  .int(TIMEOUT_WORDS)
  .min(10, TIMEOUT_WORDS)
  .max(600_000, TIMEOUT_WORDS)
  .multipleOf(10, TIMEOUT_WORDS)
  .optional();

/** One key for each timeout of the table. */
const timeoutShape: Readonly<Record<TimeoutKey, typeof timeoutMillis>> = Object.fromEntries(
  TIMEOUT_KEYS.map(([name, key]) => {
    return [key, timeoutMillis.describe(`Milliseconds: ${timeoutRow(name).purpose}.`)];
  }),
) as Record<TimeoutKey, typeof timeoutMillis>; // SAFETY: one entry for each key.

/**
 * Every key, under its TOML name. The environment's spelling is KIMBERLITE_ and capitals with
 * underscores; the flag's is the name behind two dashes.
 */
export const configurationSchema: z.ZodType<ConfigurationValues> = z.strictObject({
  'data-file': z
    .string('must be a path')
    .min(1, 'must be a path')
    .describe('Path of this replica’s data file.'),
  cluster: clusterId
    .optional()
    .describe('Number of the cluster, as given at format; checked against the data file.'),
  replica: wholeNumber(0, 15)
    .optional()
    .describe('Slot of this replica, 0 to 15; checked against the data file.'),
  addresses: z
    .array(address, ADDRESSES_WORDS)
    .min(1, ADDRESSES_WORDS)
    .max(6, ADDRESSES_WORDS)
    .describe('Peer addresses of all replicas, host:port, in the order of their slots.'),
  'client-address': address
    .optional()
    .describe('Where to listen for clients. Default: 127.0.0.1, port 7100 + 10 x slot.'),
  'peer-address': address
    .optional()
    .describe('Where to listen for peers. Default: this replica’s own entry in addresses.'),
  'http-address': z
    .string(HTTP_WORDS)
    .refine((text) => text === 'off' || parseAddress(text) !== null, HTTP_WORDS)
    .optional()
    .describe('Where to serve status and metrics, or off. Default: 127.0.0.1, 7102 + 10 x slot.'),
  'client-connections': wholeNumber(1, 65_535)
    .default(1024)
    .describe('Client connections at once, at most.'),
  profile: z
    .enum(PROFILES, oneOf(PROFILES))
    .default('default')
    .describe('Set of timeouts: default, lan or wan.'),
  'log-level': z
    .enum(LOG_LEVELS, oneOf(LOG_LEVELS))
    .default('info')
    .describe(`Least important lines to write: ${LOG_LEVELS.join(', ')}.`),
  'scrub-tour-seconds': wholeNumber(1, 31_536_000)
    .default(86_400)
    .describe('Time in which the scrubber reads the whole data file once.'),
  'block-cache-bytes': wholeNumber(BLOCK_CACHE_SIZE_MIN, 2 ** 40)
    .default(BLOCK_CACHE_SIZE_DEFAULT)
    .describe('Blocks of the state kept in memory; what more there is stays on disk.'),
  ...timeoutShape,
});

// SAFETY: one entry for each key.
const timeoutKinds = Object.fromEntries(TIMEOUT_KEYS.map(([, key]) => [key, 'number'])) as Record<
  TimeoutKey,
  'number'
>;

/** How a text from the environment or the command line becomes a value. */
export const KEY_KINDS: Readonly<Record<ConfigurationKey, 'text' | 'number' | 'list'>> = {
  'data-file': 'text',
  cluster: 'text',
  replica: 'number',
  addresses: 'list',
  'client-address': 'text',
  'peer-address': 'text',
  'http-address': 'text',
  'client-connections': 'number',
  profile: 'text',
  'log-level': 'text',
  'scrub-tour-seconds': 'number',
  'block-cache-bytes': 'number',
  ...timeoutKinds,
};

/** All names; those of the timeouts come last. */
export const CONFIGURATION_KEYS: readonly ConfigurationKey[] = Object.keys(
  KEY_KINDS,
) as ConfigurationKey[]; // SAFETY: the record's keys are exactly these.

/** The environment's spelling of a key. */
export function environmentName(key: string): string {
  return `KIMBERLITE_${key.toUpperCase().replaceAll('-', '_')}`;
}

/** JSON Schema of the TOML file, for editors. */
export function configurationJsonSchema(): object {
  const schema = z.toJSONSchema(configurationSchema, { io: 'input', unrepresentable: 'any' });
  return { title: 'Kimberlite replica configuration', ...schema };
}
