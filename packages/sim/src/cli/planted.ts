import { spawn } from 'node:child_process';
import process from 'node:process';
import { MUTANTS } from '../mutants/catalogue.ts';
import { commitName } from './commit.ts';
import { EXIT_BAD_INPUT } from './exit-bad-input.ts';
import { nodePath, withPlanted } from './run-mutants.ts';
import { SignalRelay, signalExitCode } from './signal-relay.ts';

/** The bug that is planted in this very copy of the sources; null for the code as it is. */
export function plantedHere(): string | null {
  return process.env['VOPR_PLANTED'] ?? null;
}

/**
 * Runs this same command line in a copy of the sources with the bug planted, and returns its exit
 * code. Null when there is nothing to plant: no bug is asked for, or this is that copy.
 */
export async function runPlanted(mutant: string | null): Promise<number | null> {
  const here = plantedHere();
  if (mutant === here) return null;
  const chosen = MUTANTS.find(({ name }) => name === mutant);
  if (chosen === undefined || here !== null) {
    const what = mutant === null ? 'code without a planted bug' : `the mutant '${mutant}'`;
    process.stderr.write(`vopr: ${what} is wanted, which is not to be had here\n`);
    return EXIT_BAD_INPUT;
  }
  const relay = new SignalRelay();
  const ended = withPlanted(chosen, (planted) => {
    if ('fault' in planted) {
      process.stderr.write(`vopr: '${chosen.name}' can't be planted: ${planted.fault}\n`);
      return Promise.resolve(EXIT_BAD_INPUT);
    }
    const { received } = relay;
    if (received !== null) return Promise.resolve(signalExitCode(received));
    return runCopy(planted.main, chosen.name, relay);
  });
  return await ended.finally(() => relay.end());
}

function runCopy(main: string, mutant: string, relay: SignalRelay): Promise<number> {
  const args = ['--conditions=@kimberlite/source', main, ...process.argv.slice(2)];
  const env = { ...process.env, VOPR_PLANTED: mutant, VOPR_COMMIT: commitName() };
  return new Promise((resolve, reject) => {
    const child = spawn(nodePath, args, { stdio: 'inherit', env });
    relay.follow(child);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve(code ?? (signal === null ? EXIT_BAD_INPUT : signalExitCode(signal)));
    });
  });
}
