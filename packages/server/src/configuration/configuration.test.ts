import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { timeoutRow, timeoutsOfProfile } from '@kimberlite/vsr';
import { parse } from 'smol-toml';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isFault } from '../errors.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import {
  type Configuration,
  type ConfigurationInputs,
  loadConfiguration,
} from './configuration.ts';
import { effectiveConfiguration } from './effective.ts';
import { CONFIGURATION_KEYS, configurationJsonSchema, environmentName } from './schema.ts';
import { TIMEOUT_KEYS } from './timeout-keys.ts';

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

const ADDRESSES = 'a:7101,b:7111,c:7121';
const NEEDED = { 'data-file': '/d/0.data', addresses: ADDRESSES };

function toml(text: string): string {
  const path = join(directory.path, 'kimberlite.toml');
  writeFileSync(path, text);
  return path;
}

function load(inputs: Partial<ConfigurationInputs>): Configuration {
  const result = loadConfiguration({ file: null, env: {}, flags: {}, ...inputs });
  if (isFault(result)) throw new Error(result.message);
  return result;
}

function refusal(inputs: Partial<ConfigurationInputs>): string {
  const result = loadConfiguration({ file: null, env: {}, flags: {}, ...inputs });
  if (!isFault(result)) throw new Error('expected a refusal');
  expect(result).toMatchObject({ code: 'configuration_invalid', exitCode: 10 });
  return result.message;
}

describe('loading the configuration', () => {
  it('takes every key in all three spellings, to the same effect', () => {
    const texts: Record<string, string> = {
      'data-file': '/d/1.data',
      cluster: '0xff',
      replica: '1',
      addresses: ADDRESSES,
      'client-address': '0.0.0.0:7110',
      'peer-address': '[::]:7111',
      'http-address': 'off',
      'client-connections': '10',
      profile: 'wan',
      'log-level': 'debug',
      'scrub-tour-seconds': '3600',
      'block-cache-bytes': '2097152',
    };
    const rest = CONFIGURATION_KEYS.filter((key) => !key.startsWith('timeout-'));
    expect(Object.keys(texts)).toEqual(rest);
    const env = Object.fromEntries(
      Object.entries(texts).map(([key, text]) => [environmentName(key), text]),
    );
    const file = toml(`
      data-file = "/d/1.data"
      cluster = "0xff"
      replica = 1
      addresses = ["a:7101", "b:7111", "c:7121"]
      client-address = "0.0.0.0:7110"
      peer-address = "[::]:7111"
      http-address = "off"
      client-connections = 10
      profile = "wan"
      log-level = "debug"
      scrub-tour-seconds = 3600
      block-cache-bytes = 2097152
    `);
    const all = [load({ file }), load({ env }), load({ flags: texts })];
    for (const { sources: _sources, ...values } of all) {
      expect(values).toEqual({
        kind: 'configuration',
        dataFile: '/d/1.data',
        cluster: 255n,
        replica: 1,
        addresses: [
          { host: 'a', port: 7101 },
          { host: 'b', port: 7111 },
          { host: 'c', port: 7121 },
        ],
        clientAddress: { host: '0.0.0.0', port: 7110 },
        peerAddress: { host: '::', port: 7111 },
        httpAddress: 'off',
        clientConnections: 10,
        profile: 'wan',
        timeouts: timeoutsOfProfile('wan'),
        logLevel: 'debug',
        scrubTourSeconds: 3600,
        blockCacheSize: 2_097_152,
      });
    }
  });

  it('lets a flag beat the environment, and the environment the file', () => {
    const file = toml('profile = "lan"\nlog-level = "error"\nclient-connections = 7');
    const configuration = load({
      file,
      env: { KIMBERLITE_PROFILE: 'wan', KIMBERLITE_LOG_LEVEL: 'warn', PATH: '/bin' },
      flags: { ...NEEDED, profile: 'default' },
    });
    expect(configuration.profile).toBe('default');
    expect(configuration.logLevel).toBe('warn');
    expect(configuration.clientConnections).toBe(7);
    expect(Object.fromEntries(configuration.sources)).toMatchObject({
      profile: 'flag',
      'log-level': 'environment',
      'client-connections': 'file',
    });
  });

  it('takes a list as repeated flags too', () => {
    const flags = { 'data-file': '/d', addresses: ['a:1', 'b:2'] };
    expect(load({ flags }).addresses.map(({ port }) => port)).toEqual([1, 2]);
  });

  it('says the range of a number and what was given, whatever is wrong with it', () => {
    const cache = 'must be a whole number from 1048576 to 1099511627776, in digits alone';
    const millis = 'must be milliseconds from 10 to 600000, a multiple of 10, in digits alone';
    for (const [key, value, words] of [
      ['block-cache-bytes', '10MB', cache],
      ['block-cache-bytes', '', cache],
      ['timeout-silence', '-5', millis],
      ['replica', '1.5', 'must be a whole number from 0 to 15, in digits alone'],
      ['log-level', 'loud', 'must be one of debug, info, warn, error'],
      ['profile', 'fast', 'must be one of default, lan, wan'],
      ['http-address', 'on', 'must be host:port, such as 127.0.0.1:7102, or off'],
    ] as const) {
      expect(refusal({ flags: { ...NEEDED, [key]: value } })).toBe(
        `--${key}: ${words}, not "${value}"`,
      );
    }
    expect(refusal({ flags: { ...NEEDED, 'timeout-silence': '505' } })).toBe(
      `--timeout-silence: ${millis}, not 505`,
    );
    expect(refusal({ flags: { ...NEEDED, 'block-cache-bytes': '7' } })).toBe(
      `--block-cache-bytes: ${cache}, not 7`,
    );
    expect(refusal({ file: toml('cluster = -1'), flags: NEEDED })).toMatch(
      /: must be a number below 2\^128, decimal or 0x hex, not -1$/,
    );
    expect(refusal({ flags: { ...NEEDED, addresses: 'a:1,b' } })).toBe(
      '--addresses: must be host:port, such as 127.0.0.1:7100, not "b"',
    );
    expect(refusal({ file: toml('addresses = "a:1"\ndata-file = "d"') })).toMatch(
      /: must be a list of 1 to 6 times host:port, not "a:1"$/,
    );
  });

  it('names the key that a table stands for', () => {
    expect(refusal({ file: toml('[timeouts]\nsilence = 500') })).toMatch(
      /^\[timeouts\] in .* is a table, and keys stand in none \(did you mean timeout-silence, /,
    );
    expect(refusal({ file: toml('[replica-0]\nlog-level = "info"') })).toContain('mean log-level,');
    expect(refusal({ file: toml('[zzzzzzzzzz]\nqqqqqqqqqqqq = 1') })).toMatch(/stand in none$/);
  });

  it('refuses an unknown key wherever it stands, and names the one that was meant', () => {
    const file = toml('data-fiel = "/d"');
    expect(refusal({ file })).toContain('did you mean data-file?');
    expect(refusal({ flags: { ...NEEDED, 'log-levle': 'info' } })).toContain('--log-level?');
    expect(refusal({ flags: NEEDED, env: { KIMBERLITE_ADRESSES: 'a:1' } })).toContain(
      'KIMBERLITE_ADDRESSES?',
    );
    expect(refusal({ flags: { ...NEEDED, zzzzzzz: '1' } })).not.toContain('did you mean');
  });

  it('leaves alone what container platforms and the client put into the environment', () => {
    const env = {
      KIMBERLITE_SERVICE_HOST: '10.0.0.1',
      KIMBERLITE_PORT_7100_TCP_ADDR: '10.0.0.1',
      KIMBERLITE_ENDPOINTS: '127.0.0.1:7100',
      KIMBERLITE_PROFILE: '',
    };
    expect(load({ flags: NEEDED, env }).profile).toBe('default');
  });

  it('names the key of a bad value, as it was spelt', () => {
    const bad = { ...NEEDED, 'client-address': 'nowhere' };
    expect(refusal({ flags: bad })).toMatch(/^--client-address: must be host:port/);
    expect(refusal({ flags: NEEDED, env: { KIMBERLITE_REPLICA: 'two' } })).toMatch(
      /^KIMBERLITE_REPLICA: /,
    );
    expect(refusal({ file: toml('replica = 99'), flags: NEEDED })).toMatch(/^replica in /);
    expect(refusal({ flags: { ...NEEDED, cluster: '0xzz' } })).toMatch(/^--cluster: /);
    expect(refusal({ flags: { ...NEEDED, profile: 'fast' } })).toMatch(/^--profile: /);
  });

  it('says what is missing, and how to give it', () => {
    expect(refusal({})).toBe(
      'data-file is missing: give --data-file, KIMBERLITE_DATA_FILE or data-file in the file',
    );
  });

  it('refuses a slot without an address, and one address twice', () => {
    expect(refusal({ flags: { ...NEEDED, replica: '3' } })).toContain('lists only 3');
    expect(refusal({ flags: { 'data-file': '/d', addresses: 'a:1,a:1' } })).toContain('twice');
  });

  it('names the line of a file that is not TOML, and a file that is missing', () => {
    expect(refusal({ file: toml('profile = "lan"\nlog-level = = 3') })).toMatch(/toml:2: /);
    expect(refusal({ file: join(directory.path, 'absent.toml') })).toContain('absent.toml');
  });

  it('advises what fits the refusal', () => {
    const advice = (inputs: Partial<ConfigurationInputs>): string => {
      const result = loadConfiguration({ file: null, env: {}, flags: {}, ...inputs });
      return isFault(result) ? result.remedy : '';
    };
    const absent = join(directory.path, 'absent.toml');
    expect(advice({ file: absent })).toMatch(/^Check the path of the configuration file; nothing/);
    expect(advice({ file: toml('profile = = 3') })).toMatch(/^Correct that line; .* nothing/);
    expect(advice({})).toMatch(/^Give the missing key; nothing/);
    expect(advice({ flags: { ...NEEDED, profle: 'lan' } })).toMatch(/^Correct the named key/);
  });

  it('prints what is in effect as TOML that loads to the same', () => {
    const configuration = load({
      flags: { ...NEEDED, cluster: '12' },
      env: { KIMBERLITE_REPLICA: '2' },
    });
    const printed = effectiveConfiguration(configuration);
    expect(printed).toContain('replica = 2 # environment KIMBERLITE_REPLICA');
    expect(() => parse(printed)).not.toThrow();
    const { sources: _first, ...again } = load({ file: toml(printed) });
    const { sources: _other, ...values } = configuration;
    expect(again).toEqual(values);
  });

  it('is documented: docs/configuration.md has every key with its text and default', () => {
    const text = readFileSync(
      new URL('../../../../docs/configuration.md', import.meta.url),
      'utf8',
    );
    const { properties } = configurationJsonSchema() as {
      readonly properties: Readonly<
        Record<string, { description: string; default?: string | number }>
      >;
    };
    for (const key of CONFIGURATION_KEYS) {
      if (key.startsWith('timeout-')) continue; // docs/timeouts.md has those.
      const { description, default: fallback } = properties[key] ?? { description: 'missing' };
      const shown = fallback === undefined ? '' : ` Default: ${fallback}.`;
      expect(text).toContain(
        `| \`${key}\` | \`${environmentName(key)}\` | ${description}${shown} |`,
      );
    }
  });

  it('publishes a JSON Schema with every key', () => {
    const schema = configurationJsonSchema() as Record<string, unknown>;
    expect(Object.keys(schema['properties'] as object)).toEqual(CONFIGURATION_KEYS);
    expect(schema['additionalProperties']).toBe(false);
    expect(schema['required']).toEqual(['data-file', 'addresses']);
  });
});

describe('timeouts', () => {
  it('are those of the profile, each changed by its own key in all three spellings', () => {
    expect(load({ flags: NEEDED }).timeouts).toEqual(timeoutsOfProfile('default'));
    const changed = { ...timeoutsOfProfile('lan'), viewChange: 70 };
    const flags = { ...NEEDED, profile: 'lan' };
    const needed = `data-file = "/d"\naddresses = ["a:1", "b:1", "c:1"]\nprofile = "lan"`;
    const all = [
      load({ flags: { ...flags, 'timeout-view-change': '700' } }),
      load({ flags, env: { KIMBERLITE_TIMEOUT_VIEW_CHANGE: '700' } }),
      load({ file: toml(`${needed}\ntimeout-view-change = 700`) }),
    ];
    for (const { timeouts } of all) expect(timeouts).toEqual(changed);
  });

  it.each(TIMEOUT_KEYS)('%s can be changed', (name, key) => {
    // All together, twice as long as the profile says: that keeps every relation.
    const flags = Object.fromEntries(
      TIMEOUT_KEYS.map(([other, otherKey]) => [otherKey, String(timeoutRow(other).default * 20)]),
    );
    expect(key).toMatch(/^timeout-[a-z-]+$/);
    expect(load({ flags: { ...NEEDED, ...flags } }).timeouts[name]).toBe(
      2 * timeoutRow(name).default,
    );
  });

  it('that do not work together are refused, by the names they were given', () => {
    expect(refusal({ flags: { ...NEEDED, 'timeout-silence': '200' } })).toBe(
      '--timeout-silence must be at least 3 times timeout-heartbeat (of profile default) ' +
        '(200 ms against 100 ms): two heartbeats may be lost or late without a vote',
    );
    const env = { KIMBERLITE_TIMEOUT_ABDICATE: '400' };
    expect(refusal({ flags: NEEDED, env })).toMatch(
      /^KIMBERLITE_TIMEOUT_ABDICATE must be longer than timeout-silence \(of profile default\)/,
    );
  });

  it.each(['0', '15', '-10', '0.5', '700000', 'soon'])('refuse %s milliseconds', (text) => {
    expect(refusal({ flags: { ...NEEDED, 'timeout-ping': text } })).toContain('--timeout-ping');
  });
});
