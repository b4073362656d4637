import type { ClientErrorCode } from '@kimberlite/client';

/** An exit code by its name. */
export type ExitName =
  | 'ok'
  | 'error'
  | 'usage'
  | 'not_found'
  | 'no_answer'
  | 'refused'
  | 'wrong_peer'
  | 'replica_ended'
  | 'damaged'
  | 'below_quorum';

export interface ExitCode {
  readonly code: number;
  readonly meaning: string;
}

/**
 * The exit codes of `kimberlite`, once: docs/cli.md has the same table and a test compares them.
 * Codes from 10 are those of the server, each of which names one cause (docs/errors.md).
 */
export const EXIT_CODES: Readonly<Record<ExitName, ExitCode>> = {
  ok: { code: 0, meaning: 'Done.' },
  error: {
    code: 1,
    meaning: 'Something that has no code of its own; the line on standard error says what.',
  },
  usage: { code: 2, meaning: 'The command line is wrong. Nothing was sent or changed.' },
  not_found: { code: 3, meaning: 'The key or stream is not there.' },
  no_answer: {
    code: 4,
    meaning:
      'No replica answered in time, or none could be reached. A write may have happened unless ' +
      'the line says that it was not sent.',
  },
  refused: {
    code: 5,
    meaning:
      'Refused, and definitely not done: a compare that does not hold, a wrong offset, a stream ' +
      'that exists, a value too large, no room under the limit of the state, a read that no ' +
      'replica could answer freshly enough.',
  },
  wrong_peer: {
    code: 6,
    meaning:
      'The endpoint is of another cluster, state machine or version, or no replica. Nothing was sent.',
  },
  replica_ended: { code: 7, meaning: '`dev`: a replica ended that was not told to.' },
  damaged: {
    code: 8,
    meaning:
      '`inspect`, `verify`, `backup`: something is not as it was written; the output ' +
      'names it.',
  },
  below_quorum: {
    code: 9,
    meaning:
      '`status`: so few replicas answered, or take part, that nothing can be committed. ' +
      '`backup create`: none that answered hears a quorum, and no file was made.',
  },
};

/** The exit code of a client's error; one that may have happened is never `refused`. */
export function exitOfClientError(code: ClientErrorCode, definite: boolean): number {
  const name = EXIT_NAMES[code];
  return EXIT_CODES[name === 'refused' && !definite ? 'no_answer' : name].code;
}

const EXIT_NAMES: Readonly<Record<ClientErrorCode, ExitName>> = {
  invalid_argument: 'usage',
  too_large: 'refused',
  queue_full: 'refused',
  aborted: 'no_answer',
  timeout: 'no_answer',
  unreachable: 'no_answer',
  wrong_cluster: 'wrong_peer',
  wrong_machine: 'wrong_peer',
  wrong_version: 'wrong_peer',
  rejected: 'wrong_peer',
  no_quorum: 'refused',
  overloaded: 'refused',
  too_stale: 'refused',
  evicted: 'no_answer',
  refused: 'refused',
  bad_reply: 'error',
  closed: 'error',
  unknown_stream: 'not_found',
  stream_exists: 'refused',
  wrong_offset: 'refused',
  no_space: 'refused',
  compacted: 'refused',
  future_revision: 'refused',
};
