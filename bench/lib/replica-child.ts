import { fileURLToPath } from 'node:url';
import { THREAD_POOL_SIZE } from '@kimberlite/server';
import { Child } from './child.ts';

/** Starts a process that runs one replica, and answers questions over Node's channel. */
export function startReplicaChild(options: {
  readonly name: string;
  /** As on the command line of `kimberlite start`, without the dashes. */
  readonly configuration: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Flags of Node, beside those of this process. */
  readonly nodeFlags?: readonly string[];
}): Child {
  const { name, configuration, logFile, nodeFlags = [] } = options;
  const script = fileURLToPath(new URL('../replica-process.ts', import.meta.url));
  return new Child({
    name,
    command: process.execPath,
    args: [...process.execArgv, ...nodeFlags, script, JSON.stringify(configuration)],
    env: { ...process.env, UV_THREADPOOL_SIZE: String(THREAD_POOL_SIZE) },
    logFile,
    channel: true,
  });
}
