import { parseEndpoint } from '@kimberlite/client';
import { formatAddress, portsAt, type StatusRecord, statusOf } from '@kimberlite/server';
import { type ConnectionFlags, endpointsOf } from '../connection-options.ts';
import type { Io } from '../io.ts';

/** One replica, or why it did not answer. */
export type ReplicaReport =
  | { readonly http: string; readonly status: StatusRecord }
  | { readonly http: string; readonly error: string };

const STATUS_TIMEOUT_DEFAULT = 2_000;

/** What all replicas that the flags name say of themselves. */
export function askReplicas(
  flags: ConnectionFlags & { readonly http?: string },
  io: Io,
): Promise<ReplicaReport[]> {
  const timeout = flags.timeout ?? STATUS_TIMEOUT_DEFAULT;
  return Promise.all(httpAddresses(flags, io).map((http) => askReplica(http, timeout)));
}

/** Those that --http names, or else the usual ones beside the client ports. */
function httpAddresses(
  flags: Pick<ConnectionFlags, 'endpoints'> & { readonly http?: string },
  io: Io,
): string[] {
  if (flags.http !== undefined) return flags.http.split(',').map((part) => part.trim());
  return endpointsOf(flags, io).map((name) => {
    const { host, port } = parseEndpoint(name);
    return formatAddress({ host, port: portsAt(port).http });
  });
}

async function askReplica(http: string, timeout: number): Promise<ReplicaReport> {
  try {
    const response = await fetch(`http://${http}/status`, {
      signal: AbortSignal.timeout(timeout),
    });
    if (!response.ok) return { http, error: `HTTP ${response.status}` };
    const status = statusOf(await response.json());
    return status === null ? { http, error: 'not a replica' } : { http, status };
  } catch (error) {
    return { http, error: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  return code || (cause instanceof Error ? cause.message : error.message);
}
