import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { FOREST_ROOT_SIZE } from '@kimberlite/store';
import {
  type BackupPoint,
  type BackupRefusal,
  CONFIG_DEV,
  Op,
  type ReadOutDisk,
  ReadOutStorage,
  type ReplicaSnapshot,
  View,
  ZERO_CHECKSUM,
} from '@kimberlite/vsr';
import { afterEach, describe, expect, it } from 'vitest';
import { Instruments } from '../observe/instruments.ts';
import { Logger } from '../observe/logger.ts';
import { BackupFrameReader } from './backup-frames.ts';
import { BackupService, type BackupServiceOptions } from './backup-service.ts';

const { blockSize } = CONFIG_DEV;
/** More than sockets hold for a reader that does not read. */
const BLOCKS = 2_000;
const BASE: BackupPoint = {
  cluster: 7n,
  config: CONFIG_DEV,
  machine: { name: 'mine', id: 5n },
  slot: 0,
  replicaCount: 1,
  incarnation: 1n,
  view: View(0),
  logView: View(0),
  checkpoint: {
    op: Op(72),
    prepareChecksum: ZERO_CHECKSUM,
    timestampNext: 0,
    parentId: ZERO_CHECKSUM,
    forestRoot: new Uint8Array(FOREST_ROOT_SIZE),
  },
  used: new Uint8Array(new Uint32Array([1, 0, BLOCKS]).buffer),
  log: [],
};

/** A disk of blocks that begin with their address; a write is answered at once. */
class AddressDisk implements ReadOutDisk {
  failing = false;

  read: ReadOutDisk['read'] = (_zone, offset, length, done) => {
    setImmediate(() => {
      const bytes = new Uint8Array(length);
      const view = new DataView(bytes.buffer);
      for (let at = 0; at < length; at += blockSize) {
        view.setUint32(at, (offset + at) / blockSize + 1, true);
      }
      done(this.failing ? null : bytes);
    });
  };

  write(_zone: unknown, _offset: number, _bytes: Uint8Array, done: () => void): void {
    setImmediate(done);
  }
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

interface Setup {
  readonly port: number;
  readonly disk: AddressDisk;
  readonly storage: ReadOutStorage;
  readonly instruments: Instruments;
  /** What the replica says. */
  point: BackupPoint | BackupRefusal;
  readonly asked: number[];
}

async function serve(options: Partial<BackupServiceOptions> = {}): Promise<Setup> {
  const disk = new AddressDisk();
  const storage = new ReadOutStorage(disk);
  const instruments = new Instruments();
  const asked: number[] = [];
  const setup = { disk, storage, instruments, asked, point: BASE as Setup['point'], port: 0 };
  const service = new BackupService({
    host: {
      backupPoint: (atLeast) => {
        asked.push(atLeast);
        return setup.point;
      },
      // SAFETY: the fields that are asked for.
      snapshot: () => ({ commitMin: Op(79), commitMax: Op(80) }) as unknown as ReplicaSnapshot,
    },
    storage,
    instruments,
    logger: new Logger({
      level: 'error',
      write: () => {},
      now: () => 0,
      fixed: { cluster: 7n, replica: 0 },
    }),
    release: 0x000100,
    ...options,
  });
  const server = createServer((request, response) => void service.serve(request, response));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const address = server.address();
  if (address === null || typeof address !== 'object') throw new Error('bound to a port');
  setup.port = address.port;
  return setup;
}

function post(
  { port }: Setup,
  options: { readonly path?: string; readonly method?: string; readonly headers?: object } = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        port,
        host: '127.0.0.1',
        method: options.method ?? 'POST',
        path: options.path ?? '/backup',
        headers: { ...options.headers },
      },
      resolve,
    );
    asked.on('error', reject);
    asked.end();
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response) chunks.push(chunk as Uint8Array); // SAFETY: no encoding.
  return Buffer.concat(chunks).toString();
}

/** Kinds of the frames that came, in order, each once in a row, and the blocks. */
async function readAll(response: IncomingMessage): Promise<{
  readonly kinds: string[];
  readonly addresses: number[];
}> {
  const frames = new BackupFrameReader();
  const kinds: string[] = [];
  const addresses: number[] = [];
  for await (const chunk of response) {
    frames.push(chunk as Uint8Array); // SAFETY: no encoding is set.
    for (let frame = frames.next(); frame !== null; frame = frames.next()) {
      const kind = frame === 'bad' ? frame : frame.kind;
      if (kinds.at(-1) !== kind) kinds.push(kind);
      if (frame === 'bad' || frame.kind !== 'blocks') continue;
      for (let at = 0; at < frame.bytes.length; at += blockSize) {
        const { bytes } = frame;
        const view = new DataView(bytes.buffer, bytes.byteOffset + at, 4);
        expect(view.getUint32(0, true)).toBe(frame.address + at / blockSize);
        addresses.push(frame.address + at / blockSize);
      }
    }
  }
  return { kinds, addresses };
}

async function result(setup: Setup, name: string): Promise<void> {
  while (setup.instruments.backups.get(name) === 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a backup over HTTP', () => {
  it('is sent whole, once at a time, and counted', async () => {
    const setup = await serve();
    const response = await post(setup, { path: '/backup?at_least=100' });
    expect(setup.asked).toEqual([100]);
    const second = await post(setup);
    expect(second.statusCode).toBe(409);
    second.resume();
    const { kinds, addresses } = await readAll(response);
    expect(kinds).toEqual(['head', 'blocks', 'end']);
    expect(addresses).toEqual(Array.from({ length: BLOCKS }, (_, at) => at + 1));
    await result(setup, 'sent');
    expect(setup.instruments.backupBytes.get('in_turn')).toBe(BLOCKS * blockSize);
    expect(setup.instruments.backupLastSuccess()).toBeGreaterThan(0);
    expect(setup.storage.busy).toBe(false);
    expect((await readAll(await post(setup))).kinds.at(-1)).toBe('end');
    expect(setup.asked.at(-1)).toBe(80);
  });

  it('ends with a reader who goes away, or takes nothing, and lets go of the disk', async () => {
    const setup = await serve({ stallMillis: 50 });
    const gone = await post(setup);
    expect(setup.storage.busy).toBe(true);
    gone.destroy();
    await result(setup, 'gone');
    expect(setup.storage.busy).toBe(false);
    const stalled = await post(setup);
    stalled.on('error', () => {});
    await result(setup, 'stalled');
    expect(setup.storage.busy).toBe(false);
    expect(setup.instruments.backups.get('sent')).toBe(0);
    stalled.destroy();
  });

  it('says that it ends because a disk fails, or because the reader is too slow', async () => {
    const setup = await serve({ keptMax: 3 * blockSize });
    setup.disk.failing = true;
    expect((await readAll(await post(setup))).kinds).toEqual(['head', 'failed']);
    await result(setup, 'unreadable');
    setup.disk.failing = false;
    const response = await post(setup);
    for (let address = BLOCKS - 5; address <= BLOCKS; address += 1) {
      const bytes = new Uint8Array(blockSize);
      setup.storage.write('blocks', (address - 1) * blockSize, bytes, () => {});
    }
    expect((await readAll(response)).kinds.at(-1)).toBe('failed');
    await result(setup, 'too_slow');
    expect(setup.storage.busy).toBe(false);
  });

  it('waits for the replica, and tells why there is none', async () => {
    const setup = await serve({ readyMillis: 30 });
    setup.point = 'syncing';
    const refused = await post(setup);
    expect(refused.statusCode).toBe(503);
    refused.resume();
    expect(setup.asked.length).toBeGreaterThan(1);
    const patient = await serve();
    patient.point = 'behind';
    const asked = post(patient);
    while (patient.asked.length < 3) await new Promise((resolve) => setImmediate(resolve));
    patient.point = BASE;
    expect((await readAll(await asked)).kinds.at(-1)).toBe('end');
  });

  it('says what it has and what was asked for, once the cluster commits nothing more', async () => {
    const setup = await serve({ idleMillis: 20, readyMillis: 60_000 });
    setup.point = 'behind';
    const response = await post(setup, { path: '/backup?at_least=99999' });
    expect(response.statusCode).toBe(503);
    expect(JSON.parse(await textOf(response))).toEqual({
      code: 'behind',
      message: 'the replica has op 79, and op 99999 was asked for',
    });
  });

  it.each([
    { method: 'GET', headers: {}, status: 405 },
    { method: 'POST', headers: { host: 'evil.example:7102' }, status: 403 },
    { method: 'POST', headers: { host: '10.0.0.1:7102' }, status: 403 },
    { method: 'POST', headers: { origin: 'http://evil.example' }, status: 403 },
    { method: 'POST', headers: { 'x-forwarded-for': '10.0.0.9' }, status: 403 },
    { method: 'POST', headers: { host: 'localhost:7102' }, status: 200 },
  ])('answers $method with $headers by $status', async ({ method, headers, status }) => {
    const setup = await serve();
    const response = await post(setup, { method, headers });
    expect(response.statusCode).toBe(status);
    response.destroy();
    if (status === 200) await result(setup, 'gone');
    else expect(setup.asked).toEqual([]);
  });
});
