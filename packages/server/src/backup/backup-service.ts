import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type BackupPoint,
  type BackupRefusal,
  backupOp,
  type ReadOut,
  type ReadOutFailure,
  type ReadOutStep,
  type ReadOutStorage,
  type ReplicaHost,
  unreachable,
} from '@kimberlite/vsr';
import type { Instruments } from '../observe/instruments.ts';
import type { BackupResult } from '../observe/labels.ts';
import type { Logger } from '../observe/logger.ts';
import { type BackupFrame, encodeBackupFrame } from './backup-frames.ts';
import { backupHeadOf, encodeBackupHead } from './backup-head.ts';

/** Bytes of parts that had to be read early and wait for a slow client. */
export const BACKUP_KEPT_MAX: number = 64 * 1024 * 1024;
/** Milliseconds that a client may take nothing. */
const STALL_MILLIS = 30_000;
/** Milliseconds in which the replica may get to the op that is asked for. */
const READY_MILLIS = 10_000;
const READY_LOOK_MILLIS = 10;
/** Milliseconds without a commit, while the op that is asked for is not committed yet. */
const IDLE_MILLIS = 2_000;

export interface BackupServiceOptions {
  readonly host: Pick<ReplicaHost, 'backupPoint' | 'snapshot'>;
  readonly storage: ReadOutStorage;
  readonly instruments: Instruments;
  readonly logger: Logger;
  readonly release: number;
  readonly keptMax?: number;
  readonly stallMillis?: number;
  readonly readyMillis?: number;
  readonly idleMillis?: number;
}

function refusalText(refusal: BackupRefusal, has: number, wanted: number): string {
  switch (refusal) {
    case 'recovering':
      return 'the replica is still recovering';
    case 'syncing':
      return 'the replica is still fetching its state from peers';
    case 'repairing':
      return 'the replica is mending blocks of its checkpoint';
    case 'behind':
      return `the replica has op ${has}, and op ${wanted} was asked for`;
    default:
      return unreachable(refusal);
  }
}

/** Why a backup that has begun ends without being whole. */
const FAILURES: Readonly<Record<ReadOutFailure, string>> = {
  too_slow: 'too much was written over before it was taken: the reader is too slow',
  unreadable: 'the device does not give back a part of the state',
};

/**
 * Sends a backup over HTTP, while the replica goes on. It reads the disk and nothing else: no
 * block is verified here, because whoever takes it walks the whole tree anyway, and this event loop
 * belongs to the replica.
 */
export class BackupService {
  readonly #options: BackupServiceOptions;
  #busy: boolean;

  constructor(options: BackupServiceOptions) {
    this.#options = options;
    this.#busy = false;
  }

  /** Answers POST /backup?at_least=OP. Never throws. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = requestRefusal(request);
    if (refusal !== null) {
      this.#refuse(response, refusal);
      return;
    }
    if (this.#busy || this.#options.storage.busy) {
      this.#refuse(response, { status: 409, code: 'busy', message: 'a backup is under way' });
      return;
    }
    this.#busy = true;
    try {
      await this.#answer(request, response);
    } finally {
      this.#busy = false;
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host, instruments, logger } = this.#options;
    const wanted = Number(queryOf(request).get('at_least') ?? 0);
    if (!Number.isSafeInteger(wanted)) {
      const message = 'at_least is no number of an op';
      this.#refuse(response, { status: 400, code: 'bad_request', message });
      return;
    }
    // Whatever was acknowledged when it was asked for, as far as this replica has heard.
    const atLeast = Math.max(wanted, host.snapshot().commitMax);
    const ready = await this.#ready(atLeast, () => response.closed);
    if (typeof ready === 'string') {
      const message = refusalText(ready, host.snapshot().commitMin, atLeast);
      this.#refuse(response, { status: 503, code: ready, message });
      return;
    }
    const { point, readOut } = ready;
    logger.info('backup', 'begins', { op: backupOp(point), checkpoint_op: point.checkpoint.op });
    const result = await this.#send(point, readOut, response);
    readOut.cancel();
    instruments.backups.add(result);
    if (result === 'sent') instruments.setBackupLastSuccess(Date.now() / 1000);
    logger.info('backup', 'ended', {
      result,
      op: backupOp(point),
      read_early_bytes: readOut.earlyBytes,
    });
  }

  /** Waits for a point that holds the op, unless nobody waits, and begins in the same turn. */
  async #ready(
    atLeast: number,
    gone: () => boolean,
  ): Promise<BackupRefusal | { readonly point: BackupPoint; readonly readOut: ReadOut }> {
    const { host, storage } = this.#options;
    const until = performance.now() + (this.#options.readyMillis ?? READY_MILLIS);
    const { idleMillis = IDLE_MILLIS } = this.#options;
    let known: number = host.snapshot().commitMax;
    let movedAt = performance.now();
    for (;;) {
      const point = host.backupPoint(atLeast);
      if (typeof point !== 'string') {
        return { point, readOut: storage.begin(point, this.#options.keptMax ?? BACKUP_KEPT_MAX) };
      }
      const now = performance.now();
      const { commitMax } = host.snapshot();
      if (commitMax > known) movedAt = now;
      known = Math.max(known, commitMax);
      const idle = point === 'behind' && known < atLeast && now - movedAt >= idleMillis;
      if (idle || now >= until || gone()) return point;
      await pause(READY_LOOK_MILLIS);
    }
  }

  async #send(
    point: BackupPoint,
    readOut: ReadOut,
    response: ServerResponse,
  ): Promise<BackupResult> {
    const { release, instruments } = this.#options;
    const gone = new Promise<'gone'>((resolve) => response.once('close', () => resolve('gone')));
    if (response.closed) return 'gone';
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    const createdAt = Date.now() * 1000;
    const bytes = encodeBackupHead(backupHeadOf(point, { release, createdAt }));
    let frame: BackupFrame = { kind: 'head', bytes };
    for (;;) {
      const taken = await this.#write(frame, response, gone);
      if (taken !== 'taken') return taken;
      const step: ReadOutStep | 'gone' = await Promise.race([nextOf(readOut), gone]);
      if (step === 'gone') return step;
      if (step.kind === 'failed') {
        response.end(framed({ kind: 'failed', reason: FAILURES[step.reason] }));
        return step.reason;
      }
      if (step.kind === 'done') return this.#finish(response, gone);
      instruments.backupBytes.add(step.early ? 'early' : 'in_turn', step.bytes.length);
      frame = step;
    }
  }

  /** Waits until the client has room again: memory stays as it is however slow it is. */
  async #write(
    frame: BackupFrame,
    response: ServerResponse,
    gone: Promise<'gone'>,
  ): Promise<'taken' | 'gone' | 'stalled'> {
    response.cork();
    let room = true;
    for (const part of encodeBackupFrame(frame)) room = response.write(part);
    response.uncork();
    if (room || !response.writableNeedDrain) return response.destroyed ? 'gone' : 'taken';
    const drained = new Promise<'taken'>((resolve) => {
      response.once('drain', () => resolve('taken'));
    });
    return this.#orStalled(Promise.race([drained, gone]), response);
  }

  #finish(response: ServerResponse, gone: Promise<'gone'>): Promise<'sent' | 'gone' | 'stalled'> {
    const finished = new Promise<'sent'>((resolve) => {
      response.end(framed({ kind: 'end' }), () => resolve('sent'));
    });
    return this.#orStalled(Promise.race([finished, gone]), response);
  }

  async #orStalled<T>(promise: Promise<T>, response: ServerResponse): Promise<T | 'stalled'> {
    const { stallMillis = STALL_MILLIS } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const stalled = new Promise<'stalled'>((resolve) => {
      timer = setTimeout(() => {
        response.destroy();
        resolve('stalled');
      }, stallMillis);
    });
    try {
      return await Promise.race([promise, stalled]);
    } finally {
      clearTimeout(timer);
    }
  }

  #refuse(response: ServerResponse, refusal: Refusal): void {
    const { status, code, message } = refusal;
    this.#options.instruments.backups.add('refused' satisfies BackupResult);
    const body = `${JSON.stringify({ code, message })}\n`;
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      connection: 'close',
    });
    response.end(body);
  }
}

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/**
 * A backup is the whole state: it is given to programs of this machine only. A web page that was
 * loaded elsewhere can make a browser here ask too, under another name of this address: its
 * requests name another host, or an origin. A proxy says for whom it asks.
 */
function requestRefusal(request: IncomingMessage): Refusal | null {
  if (request.method !== 'POST') {
    return { status: 405, code: 'method', message: 'a backup is asked for with POST' };
  }
  const { headers, socket } = request;
  const host = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const named = host === 'localhost' || (isIP(host) !== 0 && isLoopback(host));
  const foreign = ['origin', 'forwarded', 'x-forwarded-for', 'via'].some((name) => name in headers);
  if (isLoopback(socket.remoteAddress ?? '') && named && !foreign) return null;
  const message =
    'backups are given to programs on the machine of the replica only, which ask it at 127.0.0.1';
  return { status: 403, code: 'not_local', message };
}

function isLoopback(address: string): boolean {
  return /^(?:::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/.test(address);
}

function queryOf(request: IncomingMessage): URLSearchParams {
  return new URLSearchParams((request.url ?? '').split('?', 2)[1] ?? '');
}

function nextOf(readOut: ReadOut): Promise<ReadOutStep> {
  return new Promise((resolve) => readOut.next(resolve));
}

function framed(frame: BackupFrame): Uint8Array {
  return Buffer.concat(encodeBackupFrame(frame));
}
