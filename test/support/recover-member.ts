import { type Io, runProgram } from '@kimberlite/cli';
import { formatAddress } from '@kimberlite/server';
import type { TestCluster } from '../../packages/server/src/testing/test-cluster.ts';

/** What a run of the program came to. */
export interface ProgramEnd {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `kimberlite recover` for a member, against the replicas of the cluster that run. */
export async function recoverMember(
  cluster: TestCluster,
  member: { readonly slot: number; readonly path: string },
): Promise<ProgramEnd> {
  const running = cluster.replicas.flatMap((replica) => (replica === null ? [] : [replica]));
  const http = running.flatMap(({ httpAddress }) => {
    return httpAddress === null ? [] : [formatAddress(httpAddress)];
  });
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
  const code = await runProgram(
    [
      'recover',
      `--data-file=${member.path}`,
      `--replica=${member.slot}`,
      `--endpoints=${running.map(({ clientAddress }) => formatAddress(clientAddress)).join(',')}`,
      `--http=${http.join(',')}`,
      '--timeout=20000',
    ],
    io,
  );
  return { code, out, err };
}
