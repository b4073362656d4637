import { systemCode } from '@kimberlite/server';
import { cliError, errorLine } from './fault.ts';

/** Whether this process serves others, who are not to suffer when nobody reads what it says. */
let serves = false;

/** From now on the process outlives its output: a replica, or what runs replicas. */
export function outliveOutput(): void {
  serves = true;
}

/**
 * Says what becomes of the process when its output cannot be written. Standard error never
 * decides: a command goes on to its end, and its exit code says what came of it; to end here, with
 * a backup half made, would be worse than to be silent. Standard output is the result: a reader
 * that has seen enough (`kimberlite range | head`) ends the program, quietly, and a full disk with
 * an error, for the result is not whole.
 */
export function guardOutput(): void {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error) => {
    if (serves) return;
    const code = systemCode(error);
    if (code === 'EPIPE') process.exit(0);
    const problem = cliError(
      'error',
      `standard output cannot be written: ${code || error.message}`,
      'The result is not whole; what was asked for may have been done. Make room, or write it elsewhere.',
    );
    process.stderr.write(errorLine(problem));
    process.exit(problem.exitCode);
  });
}
