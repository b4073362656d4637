import { bytesText } from '@kimberlite/vsr';

/** Names of the checkers, as in verdicts, kill tables and `vopr list`. */
export const CHECKERS = {
  one_history: 'every replica commits the same prepare at an op, chained to the one before',
  quorum_durable: 'an op that anybody commits was on the disks of a replication quorum',
  acknowledged_quorum: 'an op commits on acknowledgements of one view from a replication quorum',
  one_primary: 'a view has one primary, ever',
  views_voted: 'a view begins where a view-change quorum voted to leave the one before',
  promises: 'views, log views and acknowledged ops survive restarts and are never shown too early',
  acknowledged_writes: 'what a client was answered stays in the history',
  replies: 'replies equal a model of the state machine, in real-time order, once a request',
  linearizable: 'some order of the requests explains what clients saw, judged without the log',
  reads: 'queries are answered by the state after an op that is fresh enough, for each its level',
  stores_equal: 'replicas have the same checkpoint id at the same op',
  whole_checkpoint: 'who stands for a checkpoint has written all of its blocks',
  checkpoint_quorum: 'the log lets go only what a replication quorum has in a checkpoint',
  recovered_files: 'who has the state that names a new file deals with it',
  determinism: 'a state machine does the same everywhere, from its request and what it reads',
  timestamps: 'timestamps only grow, and are those of sound clocks',
  never_back: 'views, commit numbers and checkpoints of a running replica only grow',
  bounds: 'queues, pipelines, sessions and logs stay within their sizes',
  recovery: 'a crash without damage to the log does not make a head uncertain',
  disk_order: 'headers follow their prepares, superblocks their blocks, copies one another',
  honest_peers: 'where nobody lies, nobody is told, or logs, what only a liar would say',
  byzantine: 'honest replicas keep their promises against a liar, or find out and stop',
  liveness: 'a healed core converges',
} as const;

/** One of `CHECKERS`. */
export type CheckerName = keyof typeof CHECKERS;

/** An answer that is not the model's. The bytes are whole, however many there are. */
export interface WrongReply {
  readonly operation: number;
  /** Of the request. */
  readonly body: Uint8Array;
  readonly expected: Uint8Array;
  readonly got: Uint8Array;
}

/** A property that a run broke. Ends the run with a correctness verdict. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly checker: CheckerName;
  /** Where it is an answer. */
  readonly wrongReply: WrongReply | null;

  constructor(checker: CheckerName, message: string, wrongReply: WrongReply | null = null) {
    super(`${checker}: ${message}`);
    this.checker = checker;
    this.wrongReply = wrongReply;
  }
}

/** What to throw for an answer; its message shows the beginning of the bytes. */
export function wrongReply(
  checker: CheckerName,
  where: string,
  { operation, body, expected, got }: WrongReply,
): Violation {
  const message =
    `${where}: wrong answer to operation ${operation}, body ${bytesText(body)}; ` +
    `expected ${bytesText(expected)}, got ${bytesText(got)}`;
  // What an event holds is valid during the call only.
  const copies = { body: body.slice(), expected: expected.slice(), got: got.slice() };
  return new Violation(checker, message, { operation, ...copies });
}

/** Throws a violation of the named checker unless the condition holds. */
export function check(
  checker: CheckerName,
  condition: boolean,
  message: () => string,
): asserts condition {
  if (!condition) throw new Violation(checker, message());
}
