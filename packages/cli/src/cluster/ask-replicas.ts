import { parseEndpoint } from '@kimberlite/client';
import { formatAddress, portsAt, type StatusRecord, statusOf } from '@kimberlite/server';
import { type ConnectionFlags, endpointsOf } from '../connection-options.ts';
import { type CliError, cliError } from '../fault.ts';
import type { Io } from '../io.ts';

/** One replica, or why it did not answer. */
export type ReplicaReport =
  | { readonly http: string; readonly status: StatusRecord }
  | { readonly http: string; readonly error: string };

const STATUS_TIMEOUT_DEFAULT = 2_000;

/** Of a port for clients or peers, most often: these answer with a message of their own. */
const NOT_HTTP = 'this is no HTTP port; give the HTTP port of a replica';

/**
 * What all replicas that the flags name say of themselves. Throws CliError when one of them is of
 * another cluster than --cluster.
 */
export async function askReplicas(
  flags: ConnectionFlags & { readonly http?: string },
  io: Io,
): Promise<ReplicaReport[]> {
  const timeout = flags.timeout ?? STATUS_TIMEOUT_DEFAULT;
  const asked = httpAddresses(flags, io).map((http) => askReplica(http, timeout));
  const reports = await Promise.all(asked);
  const { cluster } = flags;
  const others = reports.flatMap((report) => {
    if (cluster === undefined || !('status' in report)) return [];
    return report.status.cluster === String(cluster) ? [] : [report];
  });
  const [other] = others;
  if (other === undefined) return reports;
  throw cliError(
    'wrong_peer',
    `${others.map(({ http }) => http).join(', ')}: of cluster ${other.status.cluster}, not ` +
      String(cluster),
    'Nothing was changed. Correct --cluster, --endpoints or --http.',
  );
}

/** That none of them answered: which addresses were tried, and how to name others. */
export function noneAnswered(reports: readonly ReplicaReport[]): CliError {
  const why = reports.map((each) => `${each.http}: ${'error' in each ? each.error : ''}`);
  const isWrongPort = reports.some((each) => 'error' in each && each.error === NOT_HTTP);
  return cliError(
    isWrongPort ? 'wrong_peer' : 'no_answer',
    `no replica answered over HTTP (${why.join(', ')})`,
    'Nothing was changed, and replicas may run all the same. Name their HTTP addresses, as they ' +
      'are reached from here, with --http; without it they are looked for at each client port ' +
      '+ 2 of --endpoints, and a replica has its own at http-address (default: 127.0.0.1, ' +
      '7102 + 10 x slot).',
  );
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
  const named = cause instanceof Error && 'code' in cause ? cause.code : '';
  const code = typeof named === 'string' ? named : '';
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  // What does not parse has a code where the platform gives it one.
  if (code.startsWith('HPE_') || (cause instanceof Error && cause.name === 'HTTPParserError')) {
    return NOT_HTTP;
  }
  return code || (cause instanceof Error ? cause.message : error.message);
}

/** Replicas of two clusters say nothing together; null where all that answered are of one. */
export function severalClusters(reports: readonly ReplicaReport[]): CliError | null {
  const clusters = new Set(
    reports.flatMap((report) => ('status' in report ? [report.status.cluster] : [])),
  );
  if (clusters.size < 2) return null;
  const names = [...clusters].join(' and ');
  return cliError(
    'usage',
    `the endpoints are of several clusters: ${names}`,
    'Name those of one cluster, and add --cluster to what writes: a client without it takes ' +
      'whichever answers first. Nothing was changed.',
  );
}
