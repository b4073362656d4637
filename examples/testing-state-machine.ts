/**
 * Finds a bug in a state machine by simulation: `npm run example:testing`.
 * docs/testing-your-state-machine.md explains each part.
 *
 * A ticket office: whoever asks at a counter gets its next number. Written twice: once right, and
 * once with the last numbers kept in a field "to save the read", which is gone after a restart.
 */
import { testStateMachine, type Workload } from '@kimberlite/sim';
import type { ExecuteContext, KeyNames, Request, StateMachine } from '@kimberlite/vsr';

/** Gives the next number of a counter. Body: the counter (u8). Reply: the number (u32). */
const OPERATION_NEXT = 16;
const TABLE_NUMBERS = 16;
const COUNTERS = 3;

function numberOf(bytes: Uint8Array | null): number {
  return bytes === null ? 0 : new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
}

function bytesOf(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** What both have in common. */
const office: Omit<StateMachine, 'execute'> = {
  name: 'example.tickets',
  tables: [{ id: TABLE_NUMBERS, name: 'numbers', combine: null }],
  validate: (operation, body) => operation === OPERATION_NEXT && body.length === 1,
  replyLimit: () => 4,
  prefetch: (request: Request, names: KeyNames) => {
    names.key(TABLE_NUMBERS, request.body);
    return false;
  },
};

function soundOffice(): StateMachine {
  return {
    ...office,
    execute({ body }: Request, context: ExecuteContext): Uint8Array {
      const next = bytesOf(numberOf(context.get(TABLE_NUMBERS, body)) + 1);
      context.put(TABLE_NUMBERS, body, next);
      return next;
    },
  };
}

function forgetfulOffice(): StateMachine {
  const last = new Map<number, number>();
  return {
    ...office,
    execute({ body }: Request, context: ExecuteContext): Uint8Array {
      const counter = body[0] ?? 0;
      const next = (last.get(counter) ?? 0) + 1;
      last.set(counter, next);
      context.put(TABLE_NUMBERS, body, bytesOf(next));
      return bytesOf(next);
    },
  };
}

/** The machine, what clients ask of it, and what they must be answered, worked out once more. */
function workloadOf(stateMachine: () => StateMachine): Workload {
  return {
    name: 'tickets',
    stateMachine,
    model: () => {
      const numbers = new Map<number, number>();
      return {
        execute: ({ body }) => {
          const counter = body[0] ?? 0;
          const next = (numbers.get(counter) ?? 0) + 1;
          numbers.set(counter, next);
          return bytesOf(next);
        },
      };
    },
    next: (prng) => ({ operation: OPERATION_NEXT, body: Uint8Array.of(prng.below(COUNTERS)) }),
  };
}

const test = { seed: 3n, runs: 3, scenario: 'storage_faults' };

const sound = testStateMachine(() => workloadOf(soundOffice), test);
process.stdout.write(
  `sound: ${sound.runs} runs, ${sound.totals.crashes} crashes, ` +
    `${sound.totals.requestsAnswered} answers, ${sound.failure?.message ?? 'no failure'}\n\n`,
);

const forgetful = testStateMachine(() => workloadOf(forgetfulOffice), test);
process.stdout.write(`forgetful: ${forgetful.failure?.explanation ?? 'no failure'}\n`);

process.exitCode = sound.failure === null && forgetful.failure !== null ? 0 : 1;
