import { BLOCK_CACHE_SIZE_DEFAULT, timeoutRow } from '@kimberlite/vsr';
import { z } from 'zod';
import { parseAddress } from '../network/address.ts';
import { LOG_LEVELS, type LogLevel } from '../observe/logger.ts';
import { TIMEOUT_KEYS, type TimeoutKey } from './timeout-keys.ts';

/** Named sets of timeouts (docs/configuration.md). Sizes are chosen at format. */
export const PROFILES = ['default', 'lan', 'wan'] as const;
export type Profile = (typeof PROFILES)[number];

/** Sixteen of the largest blocks: with fewer, reads would push out each other's. */
const BLOCK_CACHE_SIZE_MIN = 1024 * 1024;

const U128_LIMIT = 1n << 128n;

const address = z
  .string()
  .refine((text) => parseAddress(text) !== null, 'must be host:port, such as 127.0.0.1:7100');

const clusterId = z
  .union([z.number().int().nonnegative(), z.string()])
  .refine((value) => clusterOf(value) !== null, 'must be a number below 2^128, decimal or 0x hex');

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
export type ConfigurationKey = keyof ConfigurationValues;

const timeoutMillis = z.number().int().min(10).max(600_000).multipleOf(10).optional();

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
  'data-file': z.string().min(1).describe('Path of this replica’s data file.'),
  cluster: clusterId
    .optional()
    .describe('Number of the cluster, as given at format; checked against the data file.'),
  replica: z
    .number()
    .int()
    .min(0)
    .max(15)
    .optional()
    .describe('Slot of this replica, 0 to 15; checked against the data file.'),
  addresses: z
    .array(address)
    .min(1)
    .max(6)
    .describe('Peer addresses of all replicas, host:port, in the order of their slots.'),
  'client-address': address
    .optional()
    .describe('Where to listen for clients. Default: 127.0.0.1, port 7100 + 10 x slot.'),
  'peer-address': address
    .optional()
    .describe('Where to listen for peers. Default: this replica’s own entry in addresses.'),
  'http-address': z
    .union([address, z.literal('off')])
    .optional()
    .describe('Where to serve status and metrics, or off. Default: 127.0.0.1, 7102 + 10 x slot.'),
  'client-connections': z
    .number()
    .int()
    .min(1)
    .max(65535)
    .default(1024)
    .describe('Client connections at once, at most.'),
  profile: z.enum(PROFILES).default('default').describe('Set of timeouts: default, lan or wan.'),
  'log-level': z
    .enum(LOG_LEVELS)
    .default('info')
    .describe(`Least important lines to write: ${LOG_LEVELS.join(', ')}.`),
  'scrub-tour-seconds': z
    .number()
    .int()
    .min(1)
    .max(31_536_000)
    .default(86_400)
    .describe('Time in which the scrubber reads the whole data file once.'),
  'block-cache-bytes': z
    .number()
    .int()
    .min(BLOCK_CACHE_SIZE_MIN)
    .max(2 ** 40)
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
