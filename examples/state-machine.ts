/**
 * A state machine of one's own, replicated: `npm run example:state-machine`. docs/state-machine.md
 * explains each part.
 *
 * Counters by name. Three replicas run in this one process, each on a data file and sockets as in
 * production; an application would run `startReplica` once in each of three processes.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OperationClient } from '@kimberlite/client';
import {
  formatDataFile,
  isFault,
  loadConfiguration,
  type RunningReplica,
  type ServerFault,
  startReplica,
} from '@kimberlite/server';
import {
  CONFIG_DEV,
  type ExecuteContext,
  type KeyNames,
  type Request,
  type StateMachine,
  type TableReader,
} from '@kimberlite/vsr';

/** Adds to a counter. Body: amount (u8), then the name. Empty reply. */
const OPERATION_ADD = 16;
/** Body: the name. Reply: its value (u32, little-endian). */
const OPERATION_READ = 17;
const TABLE_COUNTERS = 16;
const NAME_MAX = 64;

function numberOf(bytes: Uint8Array | null): number {
  return bytes === null ? 0 : new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
}

/** What READ answers, whether it comes as a query or as a request: a context is a reader too. */
function read(name: Uint8Array, reader: TableReader): Uint8Array {
  return bytesOf(numberOf(reader.get(TABLE_COUNTERS, name)));
}

function bytesOf(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

const counters: StateMachine = {
  // Of this program's files and clients, for ever.
  name: 'example.counters',
  tables: [
    {
      id: TABLE_COUNTERS,
      name: 'counters',
      // What `merge` wrote, folded into what was there; so an add reads nothing.
      combine: (older, delta) => bytesOf(numberOf(older) + numberOf(delta)),
    },
  ],

  validate(operation: number, body: Uint8Array): boolean {
    const name = body.length - (operation === OPERATION_ADD ? 1 : 0);
    if (operation !== OPERATION_ADD && operation !== OPERATION_READ) return false;
    return name >= 1 && name <= NAME_MAX;
  },

  replyLimit(operation: number): number {
    return operation === OPERATION_READ ? 4 : 0;
  },

  prefetch(request: Request, names: KeyNames): boolean {
    if (request.operation === OPERATION_READ) names.key(TABLE_COUNTERS, request.body);
    return false;
  },

  // What only reads needs no place in the log: any one replica answers it.
  isQuery: (operation: number): boolean => operation === OPERATION_READ,
  query: ({ body }: Request, reader: TableReader): Uint8Array => read(body, reader),

  execute({ operation, body }: Request, context: ExecuteContext): Uint8Array {
    if (operation === OPERATION_READ) return read(body, context);
    context.merge(TABLE_COUNTERS, body.subarray(1), bytesOf(body[0] ?? 0));
    return new Uint8Array(0);
  },
};

function ok<T extends object>(value: T | ServerFault): T {
  if (isFault(value)) throw new Error(`${value.message}. ${value.remedy}`);
  return value;
}

/** A port that is free now. An application has its own, the same for ever. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

const SLOTS = [0, 1, 2];
/** Of this cluster, for ever; here a new one each time. */
const cluster = BigInt(`0x${randomBytes(8).toString('hex')}`) + 1n;

async function start(path: string, peers: readonly string[]): Promise<RunningReplica> {
  const configuration = ok(
    loadConfiguration({
      file: null,
      env: {},
      flags: {
        'data-file': path,
        addresses: peers,
        'client-address': '127.0.0.1:0',
        'http-address': 'off',
        'log-level': 'error',
      },
    }),
  );
  return ok(await startReplica({ configuration, stateMachine: counters }));
}

const directory = mkdtempSync(join(tmpdir(), 'kimberlite-example-'));
const replicas: RunningReplica[] = [];
try {
  const peers = (await Promise.all(SLOTS.map(freePort))).map((port) => `127.0.0.1:${port}`);
  for (const slot of SLOTS) {
    const path = join(directory, `${slot}.data`);
    // Once in the life of a replica; never again after it has run.
    const identity = { cluster, slot, replicaCount: SLOTS.length };
    const file = { path, config: CONFIG_DEV, stateMachine: counters };
    ok(await formatDataFile({ ...file, ...identity }));
    replicas.push(await start(path, peers));
  }
  const client = new OperationClient({
    cluster,
    machine: counters.name,
    endpoints: replicas.map(({ clientAddress: { host, port } }) => `${host}:${port}`),
  });
  const name = new TextEncoder().encode('visits');
  for (const amount of [1, 2, 3]) {
    await client.request(OPERATION_ADD, Uint8Array.of(amount, ...name));
    process.stdout.write(`added ${amount}\n`);
  }
  // Linearizable: it holds every add that was answered before, to whomever.
  const value = numberOf((await client.query(OPERATION_READ, name)).body);
  process.stdout.write(`visits: ${value}\n`);
  // From the nearest replica, as it has them. Never older than what this client has seen.
  const local = await client.query(OPERATION_READ, name, { consistency: 'local' });
  process.stdout.write(`visits, read locally: ${numberOf(local.body)}\n`);
  const refused = await client.request(18, name).then(
    () => 'done',
    (error: unknown) => String(error),
  );
  process.stdout.write(`operation 18: ${refused}\n`);
  await client.close();
  process.exitCode = value === 6 ? 0 : 1;
} finally {
  await Promise.all(replicas.map((replica) => replica.stop()));
  rmSync(directory, { recursive: true });
}
