import process from 'node:process';
import { SIM_VERSION } from '../explain/bundle.ts';
import { parseCommand } from './arguments.ts';
import { bisectCommand, minimizeCommand, reproCommand, showCommand } from './bundle-commands.ts';
import { EXIT_BAD_INPUT } from './exit-bad-input.ts';
import { helpText } from './help.ts';
import { listJson, listText } from './list.ts';
import { mutantsCommand } from './mutants-command.ts';
import { runCommand } from './run-command.ts';
import { statsCommand } from './stats-command.ts';
import { timelineCommand } from './timeline-command.ts';

const EXIT_BROKEN_PIPE = 141;

async function main(argv: readonly string[]): Promise<number> {
  const command = parseCommand(argv);
  switch (command.kind) {
    case 'help':
      process.stdout.write(helpText(command.about));
      return 0;
    case 'version':
      process.stdout.write(`vopr ${SIM_VERSION}\n`);
      return 0;
    case 'list':
      process.stdout.write(command.json ? listJson(command.part) : listText(command.part));
      return 0;
    case 'run':
      return await runCommand(command);
    case 'repro':
      return await reproCommand(command);
    case 'show':
      return await showCommand(command);
    case 'timeline':
      return await timelineCommand(command);
    case 'minimize':
      return await minimizeCommand(command);
    case 'bisect':
      return await bisectCommand(command);
    case 'stats':
      return await statsCommand(command);
    case 'mutants':
      return await mutantsCommand(command);
    case 'usage':
      process.stderr.write(`vopr: ${command.error}\nTry 'vopr --help'.\n`);
      return EXIT_BAD_INPUT;
  }
}

// Who reads no more, as `head` does after some lines, ends it as the signal would.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT_BROKEN_PIPE);
});

process.exitCode = await main(process.argv.slice(2));
