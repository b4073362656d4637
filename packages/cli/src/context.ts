import type { Client } from '@kimberlite/client';
import type { Command } from 'commander';
import {
  type ConnectionFlags,
  openClient,
  withConnection,
  withOutput,
} from './connection-options.ts';
import type { Io } from './io.ts';

/** What the data commands run in: a process of their own, or a line of the repl. */
export interface Context {
  readonly io: Io;
  /** Adds the options by which a command finds its cluster, where it may choose one. */
  readonly withCluster: (command: Command) => Command;
  /** Runs with a connected client. */
  readonly withClient: <T>(
    flags: ConnectionFlags,
    use: (client: Client) => Promise<T>,
  ) => Promise<T>;
  /** Sets the exit code of a command that has printed its result. */
  readonly setExitCode: (code: number) => void;
}

/** A client for each command; one lane is enough for one call. */
export function oneShotContext(io: Io, setExitCode: (code: number) => void): Context {
  return {
    io,
    withCluster: withConnection,
    setExitCode,
    async withClient(flags, use) {
      const client = openClient(flags, io, 1);
      try {
        return await use(client);
      } finally {
        await client.close();
      }
    },
  };
}

/** One client for all lines of a repl. */
export function sharedContext(io: Io, client: Client): Context {
  return {
    io,
    withCluster: withOutput,
    // Each line of the repl has its own.
    setExitCode: () => {},
    withClient: (_flags, use) => use(client),
  };
}
