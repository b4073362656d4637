import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { assert } from '@kimberlite/store';
import { quorumsOf } from '@kimberlite/vsr';
import type { BackupService } from '../backup/backup-service.ts';
import { listenFault, type ServerFault } from '../errors.ts';
import { type Address, formatAddress } from '../network/address.ts';
import type { Instruments } from './instruments.ts';
import { metricsText } from './metrics-text.ts';
import type { StatusRecord } from './status.ts';
import { statusJson } from './status-json.ts';

export interface HttpListenerOptions {
  readonly address: Address;
  readonly status: () => StatusRecord;
  readonly instruments: Instruments;
  /** Answers /backup, whose requests are not like the others. */
  readonly backup: Pick<BackupService, 'serve'>;
}

export interface HttpListener {
  readonly address: Address;
  close(): void;
}

interface Answer {
  readonly code: number;
  readonly type: 'application/json' | 'text/plain; version=0.0.4' | 'text/plain';
  readonly body: string;
}

/**
 * Probes, status and metrics, for people and machines that look from outside: /livez, /readyz,
 * /status, /metrics, /version, and the whole state at /backup. Read-only.
 */
export function listenHttp(options: HttpListenerOptions): Promise<HttpListener | ServerFault> {
  const { address } = options;
  return new Promise((resolve) => {
    const server = createServer((request, response) => {
      respond(request, response, options);
    });
    const refused = (error: Error): void =>
      resolve(listenFault(error, formatAddress(address), 'HTTP'));
    server.once('error', refused);
    server.listen({ host: address.host, port: address.port }, () => {
      server.off('error', refused);
      server.on('error', () => {});
      const bound = server.address();
      assert(bound !== null && typeof bound === 'object', 'bound to a port');
      resolve({
        address: { host: address.host, port: bound.port },
        close: (): void => {
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
}

function respond(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpListenerOptions,
): void {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  if (path === '/backup') {
    void options.backup.serve(request, response);
    return;
  }
  const known = request.method === 'GET' || request.method === 'HEAD';
  const answer: Answer = known
    ? answerFor(path, options)
    : { code: 405, type: 'text/plain', body: 'only GET\n' };
  response.writeHead(answer.code, {
    'content-type': answer.type,
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

function answerFor(path: string, options: HttpListenerOptions): Answer {
  switch (path) {
    case '/livez':
      // It answers, so the event loop turns. Quorum and lag are no reason to be killed for.
      return { code: 200, type: 'text/plain', body: 'ok\n' };
    case '/readyz':
      return readiness(options.status());
    case '/status':
      return {
        code: 200,
        type: 'application/json',
        body: `${JSON.stringify(statusJson(options.status()))}\n`,
      };
    case '/metrics': {
      const body = metricsText(options.status(), options.instruments);
      return { code: 200, type: 'text/plain; version=0.0.4', body };
    }
    case '/version':
      return {
        code: 200,
        type: 'application/json',
        body: `${JSON.stringify({ version: options.status().version, node: process.version })}\n`,
      };
    default:
      return {
        code: 404,
        type: 'text/plain',
        body: 'try /status, /metrics, /livez, /readyz, /version or /backup\n',
      };
  }
}

/** One line a check, in the form that operators know: `[+]name ok` or `[-]name why`. */
function readiness(status: StatusRecord): Answer {
  const { state, dataFile } = status;
  const reached = status.peers.filter((peer) => peer.outgoing).length + 1;
  const { replication } = quorumsOf(status.replicaCount);
  const checks: readonly (readonly [string, boolean, string])[] = [
    ['status_normal', state.status === 'normal', `status is ${state.status}`],
    ['synced', !state.syncing, 'a state transfer is under way'],
    ['quorum', reached >= replication, `${reached} of ${replication} needed are reached`],
    ['heard', state.quorumSeen, `${state.votersHeard} replicas are heard, this one included`],
    ['room', dataFile.waitingBytes === 0, 'the disk is full: the checkpoint waits for room'],
  ];
  const lines = checks.map(([name, ok, why]) => (ok ? `[+]${name} ok` : `[-]${name} ${why}`));
  const ready = checks.every(([, ok]) => ok);
  return { code: ready ? 200 : 503, type: 'text/plain', body: `${lines.join('\n')}\n` };
}
