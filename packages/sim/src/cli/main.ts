import process from 'node:process';
import { parseCommand } from './arguments.ts';
import { HELP, listText } from './help.ts';
import { mutantsCommand } from './mutants-command.ts';
import { runCommand } from './run-command.ts';

const EXIT_USAGE = 2;
const VERSION = '0.1.0';

async function main(argv: readonly string[]): Promise<number> {
  const command = parseCommand(argv);
  switch (command.kind) {
    case 'help':
      process.stdout.write(HELP);
      return 0;
    case 'version':
      process.stdout.write(`vopr ${VERSION}\n`);
      return 0;
    case 'list':
      process.stdout.write(listText());
      return 0;
    case 'run':
      return await runCommand(command);
    case 'mutants':
      return await mutantsCommand(command);
    case 'usage':
      process.stderr.write(`vopr: ${command.error}\nTry 'vopr --help'.\n`);
      return EXIT_USAGE;
  }
}

process.exitCode = await main(process.argv.slice(2));
