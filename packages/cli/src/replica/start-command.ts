import { createKernel } from '@kimberlite/kernel';
import {
  CONFIGURATION_KEYS,
  configurationJsonSchema,
  effectiveConfiguration,
  exitOnBug,
  loadConfiguration,
  startReplica,
} from '@kimberlite/server';
import { type Command, Option } from 'commander';
import { unwrap } from '../fault.ts';
import type { Io } from '../io.ts';
import { outliveOutput } from '../output-faults.ts';
import { signalled } from './signals.ts';

interface StartFlags extends Readonly<Record<string, string | boolean | undefined>> {
  readonly config?: string;
  readonly printConfig?: boolean;
  readonly exitWithParent?: boolean;
}

/** Adds start. */
export function addStartCommand(program: Command, io: Io): void {
  const command = program
    .command('start')
    .description('Run one replica in the foreground, until SIGTERM or SIGINT.')
    .option('--config <file>', 'TOML file (env KIMBERLITE_CONFIG)')
    .option('--print-config', 'show the configuration in effect, and where it is from, and end');
  command.addOption(
    new Option('--exit-with-parent', 'stop when the process that started this one ends').hideHelp(),
  );
  const help = descriptions();
  for (const key of CONFIGURATION_KEYS) {
    command.addOption(new Option(`--${key} <value>`, help[key]?.description ?? ''));
  }
  command
    .addHelpText(
      'after',
      `
Every option is also a key of the TOML file, and an environment variable: --data-file is data-file
and KIMBERLITE_DATA_FILE. A flag beats the environment, which beats the file.

Examples:
  kimberlite start --data-file 0.data --addresses 10.0.0.1:7101,10.0.0.2:7101,10.0.0.3:7101
  kimberlite start --config /etc/kimberlite.toml`,
    )
    .action(async (flags: StartFlags) => {
      const configuration = unwrap(
        loadConfiguration({
          file: flags.config ?? (io.env['KIMBERLITE_CONFIG'] || null),
          env: io.env,
          flags: namedFlags(flags),
        }),
      );
      if (flags.printConfig === true) {
        io.write(effectiveConfiguration(configuration));
        return;
      }
      exitOnBug();
      outliveOutput();
      const withParent = flags.exitWithParent === true;
      const stop = signalled({ withParent, forceOnSecond: !withParent });
      const replica = unwrap(await startReplica({ configuration, stateMachine: createKernel() }));
      await stop;
      await replica.stop();
    });
}

/** What the published schema says of each key. */
function descriptions(): Readonly<Record<string, { readonly description?: string }>> {
  const schema = configurationJsonSchema();
  // SAFETY: a JSON Schema of an object, whose every property has a description.
  return (schema as { properties: Record<string, { description?: string }> }).properties;
}

/** The flags under the names of the configuration; commander gives them in camel case. */
function namedFlags(flags: StartFlags): Record<string, string | undefined> {
  const named: Record<string, string | undefined> = {};
  for (const key of CONFIGURATION_KEYS) {
    const value = flags[key.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];
    if (typeof value === 'string') named[key] = value;
  }
  return named;
}
