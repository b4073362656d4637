import { AssertionError } from '@kimberlite/store';
import { isMachineName, type MachineParts } from './machine-identity.ts';
import { TABLE_USER_MIN } from './state-machine.ts';

/** Ids are u32 in the file. */
const TABLE_ID_MAX = 0xffff_ffff;

/** Functions of a state machine that the core calls. */
export type MachineCall =
  | 'open'
  | 'validate'
  | 'replyLimit'
  | 'looks'
  | 'isQuery'
  | 'prefetch'
  | 'execute'
  | 'query'
  | `combine of table ${string}`;

/**
 * Why this cannot be a state machine, as the rest of a sentence that begins with its name; null for
 * one that can be run.
 */
export function stateMachineFault({ name: own, tables }: MachineParts): string | null {
  if (!isMachineName(own)) {
    return `has the name '${String(own)}'; a name is 1 to 64 characters of a-z 0-9 . _ -`;
  }
  for (const { id, name } of tables) {
    if (Number.isSafeInteger(id) && id >= TABLE_USER_MIN && id <= TABLE_ID_MAX) continue;
    return `has a table ${name} with the id ${id}; ids are from ${TABLE_USER_MIN} to ${TABLE_ID_MAX}`;
  }
  const ids = tables.map(({ id }) => id);
  const twice = ids.find((id, place) => ids.indexOf(id) !== place);
  return twice === undefined ? null : `has two tables with the id ${twice}`;
}

/** Where a state machine was called. */
export interface MachinePlace {
  readonly call: MachineCall;
  /** Null where no request is at hand. */
  readonly operation: number | null;
  /** The op that it is part of, or after which a query is answered; null where it has none yet. */
  readonly op: number | null;
}

/**
 * The state machine threw, or answered what it may not. Nothing catches it, as an AssertionError:
 * the replica stops before it can go on with a state that nobody defined. All replicas do alike at
 * the same op, and nothing is lost: the op is in the log, and executes when the machine can.
 */
export class StateMachineError extends Error {
  override readonly name = 'StateMachineError';

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/**
 * The machine asked the core for what it may not have: an assertion that a bug of the machine alone
 * can break, so that nobody looks for it in the core.
 */
export class MachineMisuse extends AssertionError {}

/** What the machine did there that it may not do. */
export function machineMisdeed(place: MachinePlace, what: string): StateMachineError {
  return new StateMachineError(`${placeText(place)} ${what}`);
}

/** What the machine threw there, named; passes on what an inner call has named. */
export function machineThrew(place: MachinePlace, error: unknown): StateMachineError {
  if (error instanceof StateMachineError) return error;
  return new StateMachineError(`${placeText(place)} threw ${errorText(error)}`, error);
}

function placeText({ call, operation, op }: MachinePlace): string {
  const at = op === null ? '' : ` at op ${op}`;
  const of = operation === null ? '' : `, operation ${operation},`;
  return `the state machine's ${call}${at}${of}`;
}

/** The first line: the rest is in the cause. */
function errorText(error: unknown): string {
  return String(error).split('\n', 1)[0] ?? '';
}
