import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@kimberlite/client';
import { createKernel } from '@kimberlite/kernel';
import {
  formatDataFile,
  isFault,
  randomU128,
  type StatusRecord,
  statusOf,
  THREAD_POOL_SIZE,
} from '@kimberlite/server';
import { CONFIG_DEV } from '@kimberlite/vsr';
import { Child } from './child.ts';
import { type FailoverSystem, PUT_MILLIS } from './failover-system.ts';
import { freePorts } from './free-ports.ts';

const REPLICAS = 3;

/** Three replicas with the timeouts of a profile. */
export async function failoverKimberlite(options: {
  readonly directory: string;
  readonly profile: 'default' | 'lan';
  readonly started: (child: Child) => void;
}): Promise<FailoverSystem> {
  const { directory, profile } = options;
  mkdirSync(directory);
  const cluster = randomU128();
  const slots = Array.from({ length: REPLICAS }, (_, slot) => slot);
  for (const slot of slots) {
    const path = join(directory, `${slot}.data`);
    const stateMachine = createKernel();
    const format = { path, config: CONFIG_DEV, stateMachine, cluster, slot };
    const result = await formatDataFile({ ...format, replicaCount: REPLICAS });
    if (isFault(result)) throw new Error(result.message);
  }
  const ports = await freePorts(3 * REPLICAS);
  const address = (what: number, slot: number): string =>
    `127.0.0.1:${ports[what * REPLICAS + slot]}`;
  const start = (slot: number): Child => {
    const configuration = {
      'data-file': join(directory, `${slot}.data`),
      addresses: slots.map((peer) => address(1, peer)).join(','),
      'client-address': address(0, slot),
      'peer-address': address(1, slot),
      'http-address': address(2, slot),
      profile,
    };
    const script = fileURLToPath(new URL('../replica-process.ts', import.meta.url));
    const child = new Child({
      name: `replica ${slot}`,
      command: process.execPath,
      args: [...process.execArgv, script, JSON.stringify(configuration)],
      env: { ...process.env, UV_THREADPOOL_SIZE: String(THREAD_POOL_SIZE) },
      logFile: join(directory, `${slot}.log`),
      channel: true,
    });
    options.started(child);
    return child;
  };
  const members = slots.map(start);
  const states = (): Promise<(StatusRecord | null)[]> =>
    Promise.all(slots.map((slot) => statusAt(address(2, slot))));
  return {
    name: profile === 'default' ? 'kimberlite' : `kimberlite-${profile}`,
    settings: `profile ${profile}`,
    members,
    async leader(): Promise<number | null> {
      const found = (await states()).filter((record) => record?.state.isPrimary === true);
      found.sort((first, other) => (other?.state.view ?? 0) - (first?.state.view ?? 0));
      return found[0]?.replica ?? null;
    },
    restart(slot): void {
      members[slot] = start(slot);
    },
    async isWhole(): Promise<boolean> {
      const records = await states();
      const views = new Set(records.map((record) => record?.state.view));
      return (
        views.size === 1 &&
        records.some((record) => record?.state.isPrimary === true) &&
        records.every(
          (record) =>
            record?.state.status === 'normal' &&
            !record.state.syncing &&
            record.state.commitMin + 64 >= (records[0]?.state.commitMax ?? 0) &&
            record.peers.every(({ outgoing }) => outgoing),
        )
      );
    },
    client() {
      const endpoints = slots.map((slot) => address(0, slot));
      const client = new Client({ endpoints, requestTimeout: PUT_MILLIS });
      return { put: (key, value) => client.put(key, value), close: () => client.close() };
    },
  };
}

async function statusAt(address: string): Promise<StatusRecord | null> {
  try {
    const answer = await fetch(`http://${address}/status`, { signal: AbortSignal.timeout(1000) });
    return statusOf(await answer.json());
  } catch {
    return null;
  }
}
