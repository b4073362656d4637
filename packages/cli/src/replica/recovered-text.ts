import { formatAddress, parseAddress, portsAt, type StatusRecord } from '@kimberlite/server';
import { KERNEL_MACHINE } from '../cluster/kernel-machine.ts';
import { listenHttpAt } from '../cluster/start-text.ts';
import { shellWord } from '../dev/ended-text.ts';

/** A member's new file, and what the others said of themselves when it was made. */
export interface RecoveredMember {
  readonly slot: number;
  readonly dataFile: string;
  readonly cluster: string;
  /** The op since which the file counts. */
  readonly op: number;
  readonly others: readonly StatusRecord[];
}

/** What `recover` says when it has made the file: what counts now, and what to do next. */
export function recoveredText(member: RecoveredMember): string {
  const { slot, dataFile, cluster, op } = member;
  const words = startOf(member);
  const start =
    words === null
      ? 'Start the replica on it, as before,\n'
      : 'Start the replica on it, with the settings that it had, such as\n' +
        `  npx kimberlite ${words.map(shellWord).join(' ')}\n`;
  return (
    `recovered replica ${slot} of cluster ${cluster} as of op ${op} in ${dataFile}\n` +
    'This file alone counts now: destroy the lost one, and any that an earlier `recover` of ' +
    `replica ${slot} has made; both are void.\n` +
    `${start}and wait until \`kimberlite status\` shows it normal before anything else is stopped.\n`
  );
}

/**
 * Arguments of `kimberlite` that start it, where its peers say where all are dialled. Null where
 * they do not, and for another state machine, which a program of its own runs. Ports for clients
 * and HTTP are taken to be the usual ones beside that for peers.
 */
export function startOf(member: RecoveredMember): string[] | null {
  const { slot, dataFile, cluster, others } = member;
  const [first] = others;
  if (first === undefined || first.stateMachine.name !== KERNEL_MACHINE.name) return null;
  const known = new Map(
    others.flatMap(({ peers }) => peers.map((peer) => [peer.slot, peer.address] as const)),
  );
  const addresses = Array.from({ length: first.replicaCount }, (_, at) => known.get(at) ?? null);
  const own = parseAddress(addresses[slot] ?? '');
  if (own === null || addresses.includes(null)) return null;
  const { client, http } = portsAt(own.port - 1);
  const { host } = own;
  return [
    'start',
    `--data-file=${dataFile}`,
    `--cluster=${cluster}`,
    `--replica=${slot}`,
    `--addresses=${addresses.join(',')}`,
    `--client-address=${formatAddress({ host, port: client })}`,
    `--http-address=${listenHttpAt(formatAddress({ host, port: http }))}`,
  ];
}
