import { TICK_MICROS } from '@kimberlite/vsr';
import { type Address, formatAddress } from '../network/address.ts';
import type { Configuration } from './configuration.ts';
import { CONFIGURATION_KEYS, type ConfigurationKey, environmentName } from './schema.ts';
import { TIMEOUT_KEYS, type TimeoutKey } from './timeout-keys.ts';

/** The configuration in effect as TOML, each key with where it came from. */
export function effectiveConfiguration(configuration: Configuration): string {
  const lines = CONFIGURATION_KEYS.map((key) => {
    const value = valueOf(configuration, key);
    const isTimeout = key.startsWith('timeout-');
    const unnamed = isTimeout ? `profile ${configuration.profile}` : 'default';
    const source = configuration.sources.get(key) ?? unnamed;
    const from = source === 'environment' ? `${source} ${environmentName(key)}` : source;
    return value === null ? `# ${key} is not set` : `${key} = ${value} # ${from}`;
  });
  return `${lines.join('\n')}\n`;
}

function valueOf(configuration: Configuration, key: ConfigurationKey): string | null {
  switch (key) {
    case 'data-file':
      return JSON.stringify(configuration.dataFile);
    case 'cluster':
      return configuration.cluster === null ? null : `"${configuration.cluster}"`;
    case 'replica':
      return configuration.replica === null ? null : String(configuration.replica);
    case 'addresses':
      return `[${configuration.addresses.map(quoted).join(', ')}]`;
    case 'client-address':
      return configuration.clientAddress === null ? null : quoted(configuration.clientAddress);
    case 'peer-address':
      return configuration.peerAddress === null ? null : quoted(configuration.peerAddress);
    case 'http-address': {
      const { httpAddress } = configuration;
      if (httpAddress === 'off') return '"off"';
      return httpAddress === null ? null : quoted(httpAddress);
    }
    case 'client-connections':
      return String(configuration.clientConnections);
    case 'profile':
      return `"${configuration.profile}"`;
    case 'log-level':
      return `"${configuration.logLevel}"`;
    case 'scrub-tour-seconds':
      return String(configuration.scrubTourSeconds);
    case 'block-cache-bytes':
      return String(configuration.blockCacheSize);
    default:
      return millisOf(configuration, key);
  }
}

function millisOf({ timeouts }: Configuration, key: TimeoutKey): string | null {
  const found = TIMEOUT_KEYS.find(([, known]) => known === key);
  return found === undefined ? null : String((timeouts[found[0]] * TICK_MICROS) / 1000);
}

function quoted(address: Address): string {
  return `"${formatAddress(address)}"`;
}
