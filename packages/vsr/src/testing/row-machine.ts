import type { KeyNames, Request, StateMachine } from '../state-machine.ts';
import { OPERATION_ADD, OPERATION_READ } from './counter-machine.ts';

const TABLE = 16;
/** Long enough for a block of its own. */
const VALUE_SIZE = 6000;

/**
 * Rows in blocks of their own. An add puts as many rows as its byte says; a read answers with a
 * byte of each row that its body names, one byte a row.
 */
export function rowMachine(): StateMachine {
  const name = ({ operation, body }: Request, names: KeyNames): boolean => {
    if (operation === OPERATION_READ) for (const row of body) names.key(TABLE, Uint8Array.of(row));
    return false;
  };
  return {
    name: 'test.rows',
    tables: [{ id: TABLE, name: 'rows', combine: null }],
    validate: (operation): boolean => operation === OPERATION_ADD || operation === OPERATION_READ,
    isQuery: (operation): boolean => operation === OPERATION_READ,
    query: ({ body }, reader): Uint8Array =>
      body.map((row) => reader.get(TABLE, Uint8Array.of(row))?.[0] ?? 0),
    replyLimit: (_, body): number => body.length,
    prefetch: name,
    execute: ({ operation, body }, context): Uint8Array => {
      if (operation === OPERATION_READ) return body;
      for (let row = 0; row < (body[0] ?? 0); row += 1) {
        context.put(TABLE, Uint8Array.of(row), new Uint8Array(VALUE_SIZE).fill(row));
      }
      return body;
    },
  };
}
