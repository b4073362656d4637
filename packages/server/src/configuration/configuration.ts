import { readFileSync } from 'node:fs';
import { nearestName } from '@kimberlite/store';
import { TICK_MICROS, type TimeoutName, type TimeoutTable, timeoutsFault } from '@kimberlite/vsr';
import { parse, TomlError } from 'smol-toml';
import type { z } from 'zod';
import { fileFault, isFault, makeFault, type ServerFault } from '../errors.ts';
import { type Address, parseAddress } from '../network/address.ts';
import type { LogLevel } from '../observe/logger.ts';
import { timeoutsOf } from '../profile.ts';
import {
  CONFIGURATION_KEYS,
  type ConfigurationKey,
  type ConfigurationValues,
  clusterOf,
  configurationSchema,
  environmentName,
  KEY_KINDS,
  type Profile,
} from './schema.ts';
import { TIMEOUT_KEYS, timeoutKey } from './timeout-keys.ts';

/** A refusal with the code `configuration_invalid`, or that of an unreadable file. */
export type ConfigurationFault = ServerFault;

/** Where a value came from; of two, the one that stands first here is taken. */
export type ConfigurationSource = 'flag' | 'environment' | 'file' | 'default';

/** What a replica process runs with. */
export interface Configuration {
  readonly kind: 'configuration';
  /** Its path. */
  readonly dataFile: string;
  /** Null: whatever the data file says. */
  readonly cluster: bigint | null;
  /** Slot of the member; null likewise. */
  readonly replica: number | null;
  /** Peer addresses by slot. */
  readonly addresses: readonly Address[];
  /** Null: the default for the slot that the data file names. */
  readonly clientAddress: Address | null;
  readonly peerAddress: Address | null;
  readonly httpAddress: Address | 'off' | null;
  /** Connections of clients, at most; one more is closed before its greeting. */
  readonly clientConnections: number;
  readonly profile: Profile;
  /** The profile's, with what was changed by key; in ticks of 10 ms. They work together. */
  readonly timeouts: TimeoutTable;
  readonly logLevel: LogLevel;
  /** Time in which the scrubber reads the whole data file once. */
  readonly scrubTourSeconds: number;
  /** Bytes of blocks of the state that are kept in memory. */
  readonly blockCacheSize: number;
  /** Where each value came from, by its TOML name. */
  readonly sources: ReadonlyMap<ConfigurationKey, ConfigurationSource>;
}

/** The three places where a value may stand; a flag beats the environment, which beats the file. */
export interface ConfigurationInputs {
  /** Path of a TOML file, or null. */
  readonly file: string | null;
  /** By the full name, `KIMBERLITE_...`. Other programs' variables may be among them. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By name without dashes in front. Lists either repeated or comma-separated. */
  readonly flags: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Characters of a wrong value that are shown, at most. */
const SHOWN_MAX = 60;

/** Variables under our prefix that are not a replica's: the client's, and the launchers'. */
const FOREIGN_ENVIRONMENT =
  /^KIMBERLITE_(ENDPOINTS|CONFIG|(.*_)?SERVICE_(HOST|PORT.*)|PORT(_.*)?)$/;

/**
 * Puts the configuration together: a flag beats the environment, which beats the file. Every key
 * is known or refused, with the name that was probably meant: a misspelt key that is silently
 * ignored is found out on the day it matters.
 */
export function loadConfiguration(inputs: ConfigurationInputs): Configuration | ConfigurationFault {
  const fromFile = inputs.file === null ? {} : readToml(inputs.file);
  if (isFault(fromFile)) return fromFile;
  const values: Record<string, unknown> = {};
  const sources = new Map<ConfigurationKey, ConfigurationSource>();
  const layers = [
    { source: 'file', entries: fromFile, where: inputs.file ?? '' },
    { source: 'environment', entries: environmentEntries(inputs.env), where: 'the environment' },
    { source: 'flag', entries: inputs.flags, where: 'the command line' },
  ] as const;
  for (const { source, entries, where } of layers) {
    for (const [name, value] of Object.entries(entries)) {
      if (value === undefined) continue;
      const key = CONFIGURATION_KEYS.find((known) => known === name);
      if (key === undefined) return unknownKey({ name, value, where, source });
      values[key] = source === 'file' ? value : valueOfText(key, value);
      sources.set(key, source);
    }
  }
  const parsed = configurationSchema.safeParse(values);
  if (!parsed.success)
    return invalidValue({ error: parsed.error, values, sources, file: inputs.file });
  for (const key of CONFIGURATION_KEYS) {
    if (!sources.has(key) && parsed.data[key] !== undefined) sources.set(key, 'default');
  }
  return together(parsed.data, sources);
}

function readToml(path: string): Record<string, unknown> | ConfigurationFault {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (!(error instanceof TomlError)) {
      const fault = fileFault(error, path, 'read');
      return advised(fault.message, 'Check the path of the configuration file');
    }
    const problem = error.message.split('\n')[0] ?? '';
    return advised(`${path}:${error.line}: ${problem}`, 'Correct that line; the file is TOML');
  }
}

/** A refusal that names no key, with the advice that fits instead. */
function advised(message: string, advice: string): ConfigurationFault {
  const remedy = `${advice}; nothing was started or changed.`;
  return { ...makeFault('configuration_invalid', message), remedy };
}

/** Under the TOML names; what is not ours is left out. */
function environmentEntries(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const entries: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value === '' || !name.startsWith('KIMBERLITE_')) continue;
    if (FOREIGN_ENVIRONMENT.test(name)) continue;
    entries[name.slice('KIMBERLITE_'.length).toLowerCase().replaceAll('_', '-')] = value;
  }
  return entries;
}

function valueOfText(key: ConfigurationKey, value: unknown): unknown {
  const texts = Array.isArray(value) ? value.map(String) : [String(value)];
  if (KEY_KINDS[key] === 'list') {
    return texts.flatMap((text) => text.split(',')).map((text) => text.trim());
  }
  const last = texts.at(-1) ?? '';
  return KEY_KINDS[key] === 'number' && /^\d{1,15}$/.test(last) ? Number(last) : last;
}

/** The spelling of a key where the person wrote it. */
function spelling(key: string, source: ConfigurationSource): string {
  if (source === 'flag') return `--${key}`;
  return source === 'environment' ? environmentName(key) : key;
}

function unknownKey(unknown: {
  readonly name: string;
  readonly value: unknown;
  readonly where: string;
  readonly source: ConfigurationSource;
}): ConfigurationFault {
  const { name, value, where, source } = unknown;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const message = `[${name}] in ${where} is a table, and keys stand in none`;
    return makeFault(
      'configuration_invalid',
      `${message}${meantByTable(name, Object.keys(value))}`,
    );
  }
  const nearest = nearestName(name, CONFIGURATION_KEYS);
  const hint = nearest === null ? '' : ` (did you mean ${spelling(nearest, source)}?)`;
  return makeFault(
    'configuration_invalid',
    `${spelling(name, source)} in ${where} is not a known key${hint}`,
  );
}

/** `silence` in `[timeouts]` is `timeout-silence`. */
function meantByTable(table: string, inner: readonly string[]): string {
  for (const key of inner) {
    const words = [`${table.replace(/s$/, '')}-${key}`, key];
    const meant = words.map((word) => nearestName(word, CONFIGURATION_KEYS)).find(isText);
    if (meant !== undefined) return ` (did you mean ${meant}, above all tables?)`;
  }
  return '';
}

function isText(value: string | null): value is string {
  return value !== null;
}

function invalidValue(invalid: {
  readonly error: z.ZodError;
  readonly values: Readonly<Record<string, unknown>>;
  readonly sources: ReadonlyMap<ConfigurationKey, ConfigurationSource>;
  readonly file: string | null;
}): ConfigurationFault {
  const { error, values, sources, file } = invalid;
  const issue = error.issues[0];
  const name = String(issue?.path[0] ?? '');
  const key = CONFIGURATION_KEYS.find((known) => known === name);
  const source = key === undefined ? undefined : sources.get(key);
  if (source === undefined) {
    return advised(
      `${name} is missing: give --${name}, ${environmentName(name)} or ${name} in the file`,
      'Give the missing key',
    );
  }
  const where = source === 'file' ? ` in ${file}` : '';
  const problem = issue?.message ?? 'is not valid';
  return makeFault(
    'configuration_invalid',
    `${spelling(name, source)}${where}: ${problem}, not ${shownValue(values[name], issue?.path[1])}`,
  );
}

/** What was given, or the element of a list that is wrong, as it is written in TOML. */
function shownValue(value: unknown, at: PropertyKey | undefined): string {
  const wrong: unknown = Array.isArray(value) && typeof at === 'number' ? value[at] : value;
  if (wrong instanceof Date) return wrong.toISOString();
  const text = typeof wrong === 'bigint' ? String(wrong) : (JSON.stringify(wrong) ?? String(wrong));
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}...`;
}

/** What concerns several keys at once, and the typed result. */
function together(
  values: ConfigurationValues,
  sources: ReadonlyMap<ConfigurationKey, ConfigurationSource>,
): Configuration | ConfigurationFault {
  const { replica, addresses } = values;
  if (replica !== undefined && replica >= addresses.length) {
    return makeFault(
      'configuration_invalid',
      `replica is ${replica}, but addresses lists only ${addresses.length}`,
    );
  }
  if (new Set(addresses).size !== addresses.length) {
    return makeFault('configuration_invalid', 'addresses names one address twice');
  }
  const timeouts = timeoutsOf(values.profile, changedTimeouts(values));
  const misfit = timeoutsFault(timeouts, (name) => {
    const key = timeoutKey(name);
    const source = sources.get(key);
    if (source !== undefined) return spelling(key, source);
    return `${key} (of profile ${values.profile})`;
  });
  if (misfit !== null) return makeFault('configuration_invalid', misfit.text);
  const http = values['http-address'];
  return {
    kind: 'configuration',
    dataFile: values['data-file'],
    cluster: values.cluster === undefined ? null : clusterOf(values.cluster),
    replica: replica ?? null,
    addresses: addresses.flatMap((text) => parseAddress(text) ?? []),
    clientAddress: optionalAddress(values['client-address']),
    peerAddress: optionalAddress(values['peer-address']),
    httpAddress: http === 'off' ? 'off' : optionalAddress(http),
    clientConnections: values['client-connections'],
    profile: values.profile,
    timeouts,
    logLevel: values['log-level'],
    scrubTourSeconds: values['scrub-tour-seconds'],
    blockCacheSize: values['block-cache-bytes'],
    sources,
  };
}

/** What was given by key, in ticks. */
function changedTimeouts(values: ConfigurationValues): Partial<Record<TimeoutName, number>> {
  const changed: Partial<Record<TimeoutName, number>> = {};
  for (const [name, key] of TIMEOUT_KEYS) {
    const millis = values[key];
    if (millis !== undefined) changed[name] = (millis * 1000) / TICK_MICROS;
  }
  return changed;
}

function optionalAddress(text: string | undefined): Address | null {
  return text === undefined ? null : parseAddress(text);
}
