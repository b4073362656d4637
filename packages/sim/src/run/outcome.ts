import { AssertionError } from '@kimberlite/store';
import { MachineMisuse, StateMachineError } from '@kimberlite/vsr';
import { type CheckerName, Violation, type WrongReply } from '../checkers/violation.ts';
import { HostViolation } from '../user/host-guard.ts';
import { WorkloadFault } from '../workload/workload-fault.ts';

/** `crash`: an assertion or another error of the code itself. */
export type Verdict = 'ok' | 'crash' | 'liveness' | 'correctness';

/** How a run ended. */
export interface Outcome {
  readonly verdict: Verdict;
  /** The checker that was violated, or null. */
  readonly checker: CheckerName | null;
  /** What went wrong, in one line; what was seen, when nothing did. */
  readonly message: string;
  /** Where something was thrown: in the state machine, where it was there; null for nowhere. */
  readonly stack: string | null;
  /** Whether that was in the state machine's own code. */
  readonly inMachine: boolean;
  /** Whether the workload is at fault, which asks what no client can. */
  readonly inWorkload: boolean;
  /** The answer that was wrong; null where none was. */
  readonly wrongReply: WrongReply | null;
}

/** Of an outcome that is a judgement of the end. */
export const NOTHING_THROWN: Pick<Outcome, 'stack' | 'inMachine' | 'inWorkload' | 'wrongReply'> = {
  stack: null,
  inMachine: false,
  inWorkload: false,
  wrongReply: null,
};

/** The outcome of a run that ended with this. */
export function outcomeOf(thrown: unknown): Outcome {
  if (thrown instanceof WorkloadFault) {
    const { message } = thrown;
    return { verdict: 'crash', checker: null, message, ...NOTHING_THROWN, inWorkload: true };
  }
  const error = namedError(thrown);
  const inner = thrown instanceof StateMachineError ? thrown.cause : null;
  // What a checker says of a call that has ended is not about a place in it.
  const inMachine =
    inner instanceof Error && (!(inner instanceof Violation) || inner instanceof HostViolation);
  const where = inMachine ? inner : error;
  const stack = where instanceof Error ? (where.stack ?? null) : null;
  const known = { stack, inMachine, inWorkload: false, wrongReply: null };
  if (error instanceof Violation) {
    const { checker, message, wrongReply } = error;
    return { verdict: 'correctness', checker, message, ...known, wrongReply };
  }
  if (error instanceof Error) {
    const kind = error instanceof AssertionError ? 'assertion' : error.name;
    return { verdict: 'crash', checker: null, message: `${kind}: ${error.message}`, ...known };
  }
  return { verdict: 'crash', checker: null, message: String(error), ...known };
}

/**
 * What went wrong inside a state machine: a checker's word or an assertion of the core is what it
 * is; all else that the machine throws, answers or asks the core for is a promise of its own that
 * it broke, in the words of production.
 */
function namedError(thrown: unknown): unknown {
  if (!(thrown instanceof StateMachineError)) return thrown;
  const { cause, message } = thrown;
  const ofCore = cause instanceof AssertionError && !(cause instanceof MachineMisuse);
  if (cause instanceof Violation || ofCore) return cause;
  return new Violation('determinism', message);
}
