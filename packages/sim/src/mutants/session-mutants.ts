import type { Mutant } from './mutant.ts';

const EXECUTE = 'vsr/src/replica/execute.ts';
const PREPARE = 'vsr/src/replica/prepare.ts';
const SESSIONS = 'vsr/src/replica/sessions.ts';

/** Client sessions: at most once, and the same table everywhere. */
export const SESSION_MUTANTS: readonly Mutant[] = [
  {
    name: 'client_table_at_prepare',
    entry: 'M34',
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
    entry: 'M35',
    bug: 'only what the primary remembers keeps a request from executing twice',
    edits: [
      {
        file: EXECUTE,
        find: "return entry.requestChecksum === session.requestChecksum ? 'duplicate' : 'collision';",
        replace: "return 'executed';",
      },
      {
        file: PREPARE,
        find: 'r.primary.inFlight.set(entry.client,',
        replace: 'void (entry.client,',
      },
    ],
  },
  {
    name: 'eviction_ties_by_map_order',
    entry: 'M33',
    bug: 'of sessions last used in one op, the first in the map is evicted',
    edits: [
      {
        file: SESSIONS,
        find: 'session.index < oldest.index',
        replace: 'session.index < 0',
      },
    ],
  },
];
