import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Child } from './child.ts';
import { etcdTarget, findLeader } from './etcd-target.ts';
import { type FailoverSystem, PUT_MILLIS } from './failover-system.ts';
import { freePorts } from './free-ports.ts';

const MEMBERS = 3;

/** Three members of etcd, with its own timeouts or tuned ones. */
export async function failoverEtcd(options: {
  readonly directory: string;
  readonly name: string;
  /** Milliseconds; null for what etcd has by itself. */
  readonly tuned: { readonly heartbeat: number; readonly election: number } | null;
  readonly started: (child: Child) => void;
}): Promise<FailoverSystem> {
  const { directory, name, tuned } = options;
  mkdirSync(directory);
  const ports = await freePorts(2 * MEMBERS);
  const indexes = Array.from({ length: MEMBERS }, (_, index) => index);
  const endpoint = (index: number): string => `127.0.0.1:${ports[index]}`;
  const peerUrl = (index: number): string => `http://127.0.0.1:${ports[MEMBERS + index]}`;
  const initial = indexes.map((index) => `member${index}=${peerUrl(index)}`).join(',');
  const timeouts =
    tuned === null
      ? []
      : [`--heartbeat-interval=${tuned.heartbeat}`, `--election-timeout=${tuned.election}`];
  const start = (index: number, state: 'new' | 'existing'): Child => {
    const child = new Child({
      name: `${name} member ${index}`,
      command: 'etcd',
      args: [
        `--name=member${index}`,
        `--data-dir=${join(directory, `member${index}`)}`,
        `--listen-client-urls=http://${endpoint(index)}`,
        `--advertise-client-urls=http://${endpoint(index)}`,
        `--listen-peer-urls=${peerUrl(index)}`,
        `--initial-advertise-peer-urls=${peerUrl(index)}`,
        `--initial-cluster=${initial}`,
        `--initial-cluster-state=${state}`,
        `--initial-cluster-token=${name}`,
        ...timeouts,
      ],
      env: Object.fromEntries(
        Object.entries(process.env).filter(([key]) => !key.startsWith('ETCD_')),
      ),
      logFile: join(directory, `member${index}.log`),
      channel: false,
    });
    options.started(child);
    return child;
  };
  const members = indexes.map((index) => start(index, 'new'));
  return {
    name,
    settings:
      tuned === null ? 'defaults' : `heartbeat ${tuned.heartbeat}, election ${tuned.election}`,
    members,
    async leader(): Promise<number | null> {
      const found = await findLeader(indexes.map(endpoint));
      return found === null ? null : indexes.findIndex((index) => endpoint(index) === found);
    },
    restart(index): void {
      members[index] = start(index, 'existing');
    },
    async isWhole(): Promise<boolean> {
      // A member that answers a put, whoever leads, is up and connected.
      const answers = indexes.map(async (index) => {
        const target = etcdTarget(endpoint(index), 1, 1000);
        try {
          await target.put('whole', new Uint8Array(1));
          return true;
        } catch {
          return false;
        } finally {
          await target.close();
        }
      });
      return (await Promise.all(answers)).every((answered) => answered);
    },
    client() {
      // A connection to each member; a put goes to the next one in turn, whoever leads.
      const targets = indexes.map((index) => etcdTarget(endpoint(index), 1, PUT_MILLIS));
      let turn = 0;
      return {
        put(key, value): Promise<unknown> {
          turn = (turn + 1) % targets.length;
          const target = targets[turn];
          if (target === undefined) throw new Error('there is a member');
          return target.put(key, value);
        },
        async close(): Promise<void> {
          for (const target of targets) await target.close();
        },
      };
    },
  };
}
