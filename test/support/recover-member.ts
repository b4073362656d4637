import { type Io, runProgram } from '@kimberlite/cli';
import { formatAddress } from '@kimberlite/server';
import type { TestCluster } from '../../packages/server/src/testing/test-cluster.ts';

/** What a run of the program came to. */
export interface ProgramEnd {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Of which member, where, and of whom it is asked. */
export interface MemberToRecover {
  readonly slot: number;
  readonly path: string;
  /** Replicas that are told of; by default all that run. */
  readonly asked?: readonly number[];
  /** Milliseconds of one step. */
  readonly timeout?: number;
}

/** The words of `kimberlite recover` for a member, against the replicas of the cluster that run. */
export function recoverWords(cluster: TestCluster, member: MemberToRecover): string[] {
  const { slot, path, asked, timeout = 20_000 } = member;
  const running = cluster.replicas.flatMap((replica, index) => {
    return replica === null || asked?.includes(index) === false ? [] : [replica];
  });
  const http = running.flatMap(({ httpAddress }) => {
    return httpAddress === null ? [] : [formatAddress(httpAddress)];
  });
  return [
    'recover',
    `--data-file=${path}`,
    `--replica=${slot}`,
    `--endpoints=${running.map(({ clientAddress }) => formatAddress(clientAddress)).join(',')}`,
    `--http=${http.join(',')}`,
    `--timeout=${timeout}`,
  ];
}

/** Runs it in this process. */
export async function recoverMember(
  cluster: TestCluster,
  member: MemberToRecover,
): Promise<ProgramEnd> {
  let out = '';
  let err = '';
  const io: Io = {
    env: {},
    errorIsTerminal: false,
    readInput: () => Promise.resolve(new Uint8Array(0)),
    askLine: () => Promise.resolve(null),
    write: (chunk) => {
      out += String(chunk);
    },
    writeError: (text) => {
      err += text;
    },
  };
  const code = await runProgram(recoverWords(cluster, member), io);
  return { code, out, err };
}
