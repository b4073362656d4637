import { type Address, formatAddress } from '../network/address.ts';
import type { Configuration } from './configuration.ts';
import { CONFIGURATION_KEYS, type ConfigurationKey, environmentName } from './schema.ts';

/** The configuration in effect as TOML, each key with where it came from. */
export function effectiveConfiguration(configuration: Configuration): string {
  const lines = CONFIGURATION_KEYS.map((key) => {
    const value = valueOf(configuration, key);
    const source = configuration.sources.get(key) ?? 'default';
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
  }
}

function quoted(address: Address): string {
  return `"${formatAddress(address)}"`;
}
