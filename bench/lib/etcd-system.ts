import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Child } from './child.ts';
import { findLeader } from './etcd-target.ts';
import { freePorts } from './free-ports.ts';
import type { System } from './system.ts';

const MEMBERS = 3;
const LEADER_MILLIS = 30_000;

/** The installed version, or null when there is none. */
export function etcdVersion(): string | null {
  try {
    const text = execFileSync('etcd', ['--version'], { encoding: 'utf8' });
    return /^etcd Version: (\S+)$/m.exec(text)?.[1] ?? 'unknown';
  } catch {
    return null;
  }
}

export interface EtcdOptions {
  readonly directory: string;
  readonly channels: number;
  readonly started: (child: Child) => void;
}

/** Starts three members with the settings that etcd has by itself, and finds their leader. */
export async function startEtcd(options: EtcdOptions): Promise<System> {
  const { directory, channels } = options;
  mkdirSync(directory);
  const ports = await freePorts(2 * MEMBERS);
  const indexes = Array.from({ length: MEMBERS }, (_, index) => index);
  const clientUrl = (index: number): string => `http://127.0.0.1:${ports[index]}`;
  const peerUrl = (index: number): string => `http://127.0.0.1:${ports[MEMBERS + index]}`;
  const initial = indexes.map((index) => `member${index}=${peerUrl(index)}`).join(',');
  const members = indexes.map((index) => {
    const child = new Child({
      name: `etcd member ${index}`,
      command: 'etcd',
      args: [
        `--name=member${index}`,
        `--data-dir=${join(directory, `member${index}`)}`,
        `--listen-client-urls=${clientUrl(index)}`,
        `--advertise-client-urls=${clientUrl(index)}`,
        `--listen-peer-urls=${peerUrl(index)}`,
        `--initial-advertise-peer-urls=${peerUrl(index)}`,
        `--initial-cluster=${initial}`,
        '--initial-cluster-state=new',
        '--initial-cluster-token=kimberlite-bench',
      ],
      // Settings in the environment would make it another etcd than the one that is named.
      env: Object.fromEntries(
        Object.entries(process.env).filter(([key]) => !key.startsWith('ETCD_')),
      ),
      logFile: join(directory, `member${index}.log`),
      channel: false,
    });
    options.started(child);
    return child;
  });
  const endpoints = indexes.map((index) => `127.0.0.1:${ports[index]}`);
  const endpoint = await leaderOf(endpoints);
  return {
    name: 'etcd',
    members,
    target: { kind: 'etcd', endpoint, channels },
    description: {
      version: etcdVersion() ?? 'unknown',
      settings: 'defaults: every put is in the synced logs of a quorum before it is answered',
      client: `@grpc/grpc-js, one put a call, ${channels} connection(s), to the leader only`,
    },
  };
}

async function leaderOf(endpoints: readonly string[]): Promise<string> {
  const deadline = Date.now() + LEADER_MILLIS;
  for (;;) {
    const leader = await findLeader(endpoints);
    if (leader !== null) return leader;
    if (Date.now() > deadline) throw new Error('etcd elected no leader');
    await pause(100);
  }
}
