import { Client, NAMESPACE_DEFAULT, REQUEST_TIMEOUT_DEFAULT } from '@kimberlite/client';
import { clusterOf } from '@kimberlite/server';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { usageError } from './fault.ts';
import type { Io, OutputFormat } from './io.ts';

/** Where the command line looks when nobody says: a cluster of `kimberlite dev`. */
export const ENDPOINTS_DEFAULT = '127.0.0.1:7100,127.0.0.1:7110,127.0.0.1:7120';
export const ENDPOINTS_VARIABLE = 'KIMBERLITE_ENDPOINTS';

/** Options of every command that talks to a cluster. */
export interface ConnectionFlags {
  readonly endpoints?: string;
  readonly cluster?: bigint;
  readonly timeout?: number;
  readonly namespace?: string;
}

export interface OutputFlags {
  readonly output: OutputFormat;
}

/** Adds `-o`. */
export function withOutput(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'how to print the result')
      .choices(['text', 'json'])
      .default('text'),
  );
}

/** Adds the options of ConnectionFlags and `-o`. `limits` says where the default does not hold. */
export function withConnection(command: Command, limits = ''): Command {
  return withOutput(command)
    .option(
      '--endpoints <list>',
      `client ports of all replicas, host:port,... (env ${ENDPOINTS_VARIABLE}; ` +
        `default ${ENDPOINTS_DEFAULT}${limits})`,
    )
    .option('--cluster <id>', 'talk to this cluster only (number)', clusterId)
    .option(
      '--timeout <ms>',
      `milliseconds per call (default ${REQUEST_TIMEOUT_DEFAULT}; 15000 for a write above 16 KiB)`,
      positive,
    )
    .option('--namespace <name>', `tenant (default ${NAMESPACE_DEFAULT})`);
}

/** The endpoints in effect: flag, then environment, then those of `kimberlite dev`. */
export function endpointsOf(flags: ConnectionFlags, io: Io): string[] {
  const text = flags.endpoints ?? (io.env[ENDPOINTS_VARIABLE] || ENDPOINTS_DEFAULT);
  const endpoints = text.split(',').map((part) => part.trim());
  const names = endpoints.filter((part) => part !== '');
  if (names.length === 0) throw usageError('--endpoints names no endpoint');
  return names;
}

export function openClient(flags: ConnectionFlags, io: Io, lanes: number): Client {
  return new Client({
    endpoints: endpointsOf(flags, io),
    lanes,
    ...(flags.cluster === undefined ? {} : { cluster: flags.cluster }),
    ...(flags.timeout === undefined ? {} : { requestTimeout: flags.timeout }),
    ...(flags.namespace === undefined ? {} : { namespace: flags.namespace }),
  });
}

/** A natural number above zero. */
export function positive(text: string): number {
  const value = natural(text);
  if (value === 0) throw new InvalidArgumentError('must be above zero.');
  return value;
}

/** A natural number of at most 53 bits. */
export function natural(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('must be a whole number, 0 or more.');
  }
  return value;
}

/** The number of a cluster, decimal or 0x hexadecimal. */
export function clusterId(text: string): bigint {
  const cluster = clusterOf(text);
  if (cluster === null) throw new InvalidArgumentError('must be a number below 2^128.');
  return cluster;
}
