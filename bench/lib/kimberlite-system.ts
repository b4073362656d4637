import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createKernel } from '@kimberlite/kernel';
import { formatDataFile, isFault, randomU128, VERSION } from '@kimberlite/server';
import { type ClusterConfig, CONFIG_DEFAULT, CONFIG_DEV } from '@kimberlite/vsr';
import type { Child } from './child.ts';
import { freePorts } from './free-ports.ts';
import { startReplicaChild } from './replica-child.ts';
import type { System } from './system.ts';

const REPLICAS_DEFAULT = 3;

export interface KimberliteOptions {
  readonly directory: string;
  readonly size: 'default' | 'dev';
  /** Three by default. */
  readonly replicas?: number;
  /** Revisions behind the newest that stay readable; none by default. */
  readonly history?: number;
  /** Set of timeouts; `default` by default. */
  readonly profile?: 'default' | 'lan' | 'wan';
  /** Whether the replicas serve HTTP; not by default. */
  readonly http?: boolean;
  /** Flags of Node for the replicas. */
  readonly nodeFlags: readonly string[];
  readonly started: (child: Child) => void;
}

export interface KimberliteSystem extends System {
  /** `host:port` of each replica; empty where HTTP was not asked for. */
  readonly httpAddresses: readonly string[];
}

/** Formats data files and starts a replica process on each. */
export async function startKimberlite(options: KimberliteOptions): Promise<KimberliteSystem> {
  const { directory, size, replicas = REPLICAS_DEFAULT } = options;
  mkdirSync(directory);
  const sizes = size === 'dev' ? CONFIG_DEV : CONFIG_DEFAULT;
  const config: ClusterConfig = { ...sizes, historyRevisions: options.history ?? 0 };
  const cluster = randomU128();
  const dataFile = (slot: number): string => join(directory, `${slot}.data`);
  for (let slot = 0; slot < replicas; slot += 1) {
    const path = dataFile(slot);
    const format = { path, config, stateMachine: createKernel(), cluster, slot };
    const result = await formatDataFile({ ...format, replicaCount: replicas });
    if (isFault(result)) throw new Error(result.message);
  }
  const ports = await freePorts((options.http === true ? 3 : 2) * replicas);
  const address = (index: number): string => `127.0.0.1:${ports[index]}`;
  const slots = Array.from({ length: replicas }, (_, slot) => slot);
  const addresses = slots.map((slot) => address(replicas + slot)).join(',');
  const members = slots.map((slot) => {
    const configuration = {
      'data-file': dataFile(slot),
      cluster: cluster.toString(),
      replica: String(slot),
      addresses,
      'client-address': address(slot),
      'peer-address': address(replicas + slot),
      'http-address': options.http === true ? address(2 * replicas + slot) : 'off',
      profile: options.profile ?? 'default',
    };
    const child = startReplicaChild({
      name: `replica ${slot}`,
      configuration,
      logFile: join(directory, `${slot}.log`),
      nodeFlags: options.nodeFlags,
    });
    options.started(child);
    return child;
  });
  return {
    name: 'kimberlite',
    members,
    httpAddresses: options.http === true ? slots.map((slot) => address(2 * replicas + slot)) : [],
    target: { kind: 'kimberlite', endpoints: slots.map(address), cluster: cluster.toString() },
    description: {
      version: VERSION,
      sizes: size,
      client: '@kimberlite/client, one client with 4 sessions that gather concurrent calls',
    },
  };
}
