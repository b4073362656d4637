import type { Connection } from './connection.ts';
import type { ClientErrorCode } from './errors.ts';

/** Longest that a call waits for endpoints that all refuse connections, in milliseconds. */
const UNREACHABLE_GRACE_MILLIS = 1_000;

/** What can be expected of the connections now. */
export interface Outlook {
  /** At least one replica is connected. */
  readonly connected: boolean;
  /** What a call that cannot be sent fails with; `timeout` while it is still open. */
  readonly code: ClientErrorCode;
  readonly message: string;
  /** Whether something that waits since `startedAt` should be told now instead of at `deadline`. */
  readonly isHopeless: (times: {
    readonly startedAt: number;
    readonly deadline: number;
    readonly now: number;
  }) => boolean;
}

/** Judges the connections: is there one, may there be one soon, and if not, why not? */
export function outlookOf(connections: readonly Connection[]): Outlook {
  const never = (): boolean => false;
  if (connections.some((connection) => connection.state === 'connected')) {
    return { connected: true, code: 'timeout', message: 'no answer in time', isHopeless: never };
  }
  const message = `no replica could be reached (${reasonsOf(connections)})`;
  const rejected = connections.find((connection) => connection.state === 'rejected');
  const code = rejected === undefined ? 'unreachable' : rejectionCode(rejected);
  return {
    connected: false,
    code,
    message,
    isHopeless: ({ startedAt, deadline, now }) => {
      const tried = connections.every(
        (connection) => connection.state === 'rejected' || connection.failedAt >= startedAt,
      );
      if (!tried) return false;
      if (rejected !== undefined) return true;
      // Replicas may be restarting: a little patience, but an answer well before the deadline.
      return now - startedAt >= Math.min(UNREACHABLE_GRACE_MILLIS, (deadline - startedAt) / 2);
    },
  };
}

/** Why each endpoint is out of reach; endpoints with one reason share it. */
function reasonsOf(connections: readonly Connection[]): string {
  const endpoints = new Map<string, string[]>();
  for (const { reason, endpoint } of connections) {
    if (reason !== '') endpoints.set(reason, [...(endpoints.get(reason) ?? []), endpoint.name]);
  }
  return [...endpoints].map(([reason, names]) => `${names.join(', ')}: ${reason}`).join('; ');
}

function rejectionCode(connection: Connection): ClientErrorCode {
  switch (connection.rejection) {
    case 'wrongCluster':
      return 'wrong_cluster';
    case 'wrongMachine':
      return 'wrong_machine';
    case 'wrongVersion':
      return 'wrong_version';
    default:
      return 'rejected';
  }
}
