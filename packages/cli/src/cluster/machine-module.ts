import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createKernel } from '@kimberlite/kernel';
import { machineFault, sha256 } from '@kimberlite/server';
import {
  type MachineIdentity,
  machineIdentityOf,
  type StateMachine,
  stateMachineFault,
} from '@kimberlite/vsr';
import type { Command } from 'commander';
import { type CliError, ofServerFault, usageError } from '../fault.ts';

/** Makes a state machine: a new object each time, for one serves one replica. */
export type MakeMachine = () => StateMachine;

export interface MachineFlags {
  /** Path of an ES module. */
  readonly stateMachine?: string;
}

/** Adds `--state-machine`, for commands that execute a log or read the tables that it made. */
export function withMachine(command: Command): Command {
  return command.option(
    '--state-machine <module>',
    'ES module whose default export is a function that makes it (default: the built-in kernel)',
  );
}

/**
 * What makes the state machine that a file or a backup is of. Throws CliError for any other: to
 * execute its log would come to another state, in which what was acknowledged is not.
 */
export async function machineFor(
  path: string,
  machine: MachineIdentity,
  { stateMachine }: MachineFlags,
): Promise<MakeMachine> {
  const make = stateMachine === undefined ? createKernel : await loadMachine(stateMachine);
  const fault = machineFault(path, machine, machineIdentityOf(make(), sha256));
  if (fault === null) return make;
  if (stateMachine === undefined && fault.code === 'wrong_state_machine') {
    const message = `${fault.message}; --state-machine names the module that makes another`;
    throw ofServerFault({ ...fault, message });
  }
  throw ofServerFault(fault);
}

/** Runs the module, which is the user's own code, and tries what it exports. */
async function loadMachine(path: string): Promise<MakeMachine> {
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(resolve(path)).href)) as typeof module; // SAFETY: checked.
  } catch (error) {
    throw wrongModule(path, `cannot be loaded: ${firstLine(error)}`);
  }
  const make = module.default;
  if (typeof make !== 'function') {
    throw wrongModule(path, 'has no default export that is a function; it makes the state machine');
  }
  const checked = (): StateMachine => {
    let machine: unknown;
    try {
      machine = make();
    } catch (error) {
      throw wrongModule(path, `makes no state machine, it throws: ${firstLine(error)}`);
    }
    const problem = machineProblem(machine);
    if (problem === null) return machine as StateMachine; // SAFETY: each member was looked at.
    throw wrongModule(path, `makes something else than a state machine, for it ${problem}${HINT}`);
  };
  checked();
  return checked;
}

/** Functions without which nothing can be executed; the others may be left out. */
const NEEDED = ['validate', 'replyLimit', 'prefetch', 'execute'] as const;
const HINT = ': docs/state-machine.md';

/** What it lacks of what every state machine must have; what that does is seen when it runs. */
function machineProblem(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return 'is no object';
  // SAFETY: each member is looked at.
  const machine = value as Partial<Record<keyof StateMachine, unknown>>;
  const { name, tables } = machine;
  const missing = NEEDED.find((member) => typeof machine[member] !== 'function');
  if (missing !== undefined) return `has no function ${missing}`;
  if (typeof name !== 'string') return 'has no name';
  if (!Array.isArray(tables) || !tables.every(isTable)) return 'has no list of tables';
  return stateMachineFault({ name, tables });
}

function isTable(value: unknown): value is StateMachine['tables'][number] {
  if (typeof value !== 'object' || value === null) return false;
  // SAFETY: each member is looked at.
  const { id, name, combine } = value as Partial<Record<string, unknown>>;
  const combines = combine === null || typeof combine === 'function';
  return typeof id === 'number' && typeof name === 'string' && combines;
}

function wrongModule(path: string, problem: string): CliError {
  return usageError(`--state-machine ${path} ${problem}`);
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
}
