import { VERSION } from '@kimberlite/server';
import { PROTOCOL_VERSION } from '@kimberlite/vsr';
import type { Command } from 'commander';
import { type OutputFlags, withOutput } from './connection-options.ts';
import { type Io, writeJson } from './io.ts';

/** Adds version. */
export function addVersionCommand(program: Command, io: Io): void {
  withOutput(program.command('version'))
    .description('Show the version of this program, its protocol and its Node.js.')
    .addHelpText('after', '\nExample:\n  kimberlite version -o json')
    .action((flags: OutputFlags) => {
      const node = process.versions.node;
      if (flags.output === 'json') {
        writeJson(io, { version: VERSION, protocol: PROTOCOL_VERSION, node });
      } else io.write(`kimberlite ${VERSION} (protocol ${PROTOCOL_VERSION}, Node.js ${node})\n`);
    });
}
