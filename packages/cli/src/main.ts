import { ERRORS } from '@kimberlite/server';
import { processIo } from './io.ts';
import { guardOutput } from './output-faults.ts';
import { runProgram } from './program.ts';

guardOutput();

try {
  process.exitCode = await runProgram(process.argv.slice(2), processIo);
} catch (error) {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `${text}\nerror: this is a bug in kimberlite. ${ERRORS.internal.remedy} [internal]\n`,
  );
  process.exitCode = ERRORS.internal.exitCode;
}
// What is left (a socket that lingers, a child's channel) is no reason to stay.
if (process.connected) process.disconnect();
