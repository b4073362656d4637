import type { Mutant, MutantEdit } from './mutant.ts';

const EXECUTE = 'vsr/src/replica/execution/execute.ts';
const PREPARE = 'vsr/src/replica/normal/prepare.ts';
const SESSIONS = 'vsr/src/replica/execution/sessions.ts';
const REQUEST = 'vsr/src/replica/normal/request.ts';
const REPLIES = 'sim/src/checkers/replies.ts';
const SESSION_MODEL = 'sim/src/checkers/session-model.ts';
const CLIENT_SESSION = 'vsr/src/client/client-session.ts';

/** Not in the verdict itself: the primary, which asks for it too, still answers what it knows. */
const EXECUTED_AGAIN: MutantEdit = {
  file: EXECUTE,
  find: '  const outcome = verdictOf(session, entry);\n',
  replace:
    '  const verdict = verdictOf(session, entry);\n' +
    "  const again = verdict === 'duplicate' || verdict === 'collision';\n" +
    "  const outcome = again && entry.request > 0 ? 'executed' : verdict;\n",
};

/** Client sessions: at most once, and the same table everywhere. */
export const SESSION_MUTANTS: readonly Mutant[] = [
  {
    name: 'client_table_at_prepare',
    bug: 'the client table moves when a request is prepared, not when it executes',
    edits: [
      {
        file: PREPARE,
        find: '  const op = opNext(r.op);\n  const head',
        replace:
          '  for (const { header } of batch) {\n' +
          '    const session = r.sessions.get(header.client);\n' +
          '    if (session === null || header.request === 0) continue;\n' +
          '    const { request, checksum: requestChecksum } = header;\n' +
          '    const none = new Uint8Array(0);\n' +
          '    r.sessions.put({ ...session, request, requestChecksum }, none);\n  }\n' +
          '  const op = opNext(r.op);\n  const head',
      },
    ],
  },
  {
    name: 'at_most_once_only_at_primary',
    bug: 'only what the primary remembers keeps a request from executing twice',
    edits: [
      EXECUTED_AGAIN,
      {
        file: PREPARE,
        find: 'r.primary.inFlight.set(entry.client,',
        replace: 'void (entry.client,',
      },
    ],
  },
  {
    name: 'eviction_ties_by_map_order',
    bug: 'of sessions last used in one op, the first in the map is evicted',
    edits: [
      {
        file: SESSIONS,
        find: 'session.index < oldest.index',
        replace: 'session.index < 0',
      },
    ],
  },
  {
    name: 'oldest_registration_evicted',
    bug: 'the session that registered first is evicted, however busy',
    edits: [
      {
        file: SESSIONS,
        find:
          '        session.op < oldest.op ||\n' +
          '        (session.op === oldest.op && session.index < oldest.index)',
        replace: '        session.session < oldest.session',
      },
    ],
  },
  {
    name: 'request_numbers_may_skip',
    bug: 'a request executes though the one before it never did',
    harmless:
      'a client sends a request only when the one before is answered, refused for sure, or its ' +
      'session is given up: there is nothing to skip; the check is a second guard',
    edits: [
      {
        file: SESSIONS,
        find: "return request.request === session.request + 1 ? 'executed' : 'out_of_order';",
        replace: "return request.request > session.request ? 'executed' : 'out_of_order';",
      },
    ],
  },
  {
    name: 'register_resets_a_session',
    bug: 'a register that comes again begins its session anew',
    edits: [
      {
        file: SESSIONS,
        find:
          '    const same = session.request === 0 && ' +
          'session.requestChecksum === request.requestChecksum;\n' +
          "    return same ? 'duplicate' : 'out_of_order';",
        replace: "    return 'executed';",
      },
      {
        file: EXECUTE,
        find: 'session: session?.session ?? sessionNumber(header.op, index),',
        replace:
          'session: entry.request === 0 ? sessionNumber(header.op, index) : (session?.session ?? 0),',
      },
    ],
  },
  {
    name: 'reply_of_the_last_request',
    bug: 'any retry is answered with the last reply of its session',
    harmless: 'a client believes only a reply that carries the checksum of its request',
    edits: [
      {
        file: REQUEST,
        find: '  if (session === null || session.requestChecksum !== header.checksum) return false;',
        replace: '  if (session === null) return false;',
      },
    ],
  },
  {
    name: 'duplicate_executed_again',
    bug: 'a request that comes again executes again',
    scenario: 'repeated_requests',
    edits: [EXECUTED_AGAIN],
  },
  {
    name: 'earlier_copy_forgotten',
    bug: 'a client takes one refusal for the end of all its copies',
    scenario: 'refused_requests',
    edits: [
      {
        file: CLIENT_SESSION,
        find: 'const definite = inFlight.unrefused === 0;',
        replace: 'const definite = true;',
      },
    ],
  },
  {
    name: 'refused_and_queued',
    bug: 'a primary says that it is full, and takes the request',
    scenario: 'full_primaries',
    edits: [
      {
        file: REQUEST,
        find: "    refuse(r, message, 'busy');\n    return;\n",
        replace: "    refuse(r, message, 'busy');\n",
      },
    ],
  },
  {
    name: 'any_reply_of_the_session',
    bug: 'a client takes any reply of its session for the answer to its request',
    edits: [
      {
        file: CLIENT_SESSION,
        find: '    if (header.requestChecksum !== inFlight.message.header.checksum) return;\n    this.guess',
        replace: '    this.guess',
      },
    ],
  },
  {
    name: 'executed_twice_by_the_model_too',
    bug: 'a request that comes again executes again, and who wrote the model thought so too',
    scenario: 'repeated_requests',
    edits: [
      EXECUTED_AGAIN,
      {
        file: SESSION_MODEL,
        find: "return same ? { kind: 'duplicate' } : { kind: 'collision' };\n    }\n    if (request.request !== session.request + 1)",
        replace:
          "if (!same) return { kind: 'collision' };\n    } else if (request.request !== session.request + 1)",
      },
      {
        file: REPLIES,
        find: '!this.executedChecksums.has(requestChecksum),',
        replace: 'true,',
      },
    ],
  },
];
