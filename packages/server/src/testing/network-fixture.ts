import {
  ClientId,
  CONFIG_SIMULATION,
  clientHello as encodeClientHello,
  encodeMessage,
  type Message,
  NO_REPLICA,
  View,
} from '@kimberlite/vsr';
import { sha256 } from '../checksum.ts';
import type { NetworkObserver } from '../network/connection.ts';
import type { SelfIdentity } from '../network/greeting.ts';
import { Logger } from '../observe/logger.ts';
import type { Recorder } from './recorder.ts';

/** An identity in a test cluster of three. */
export function testIdentity(slot: number, other: Partial<SelfIdentity> = {}): SelfIdentity {
  return {
    cluster: 77n,
    slot,
    member: BigInt(slot + 1),
    replicaCount: 3,
    incarnation: BigInt(100 + slot),
    config: CONFIG_SIMULATION,
    machine: { name: 'kimberlite.kernel', id: 7n },
    release: 1,
    checksum: sha256,
    ...other,
  };
}

/** What an observer saw, by name. */
export interface Seen {
  readonly what:
    | 'received'
    | 'sent'
    | 'refusal'
    | 'dropped'
    | 'fault'
    | 'rejection_sent'
    | 'rejection_received';
  readonly name: string;
}

export function recordingObserver(seen: Recorder<Seen>): NetworkObserver {
  return {
    onReceived: (message): void => seen.add({ what: 'received', name: message.header.command }),
    onRefusal: (reason): void => seen.add({ what: 'refusal', name: reason }),
    onSent: (command): void => seen.add({ what: 'sent', name: command }),
    onDropped: (reason): void => seen.add({ what: 'dropped', name: reason }),
    onFrameFault: (fault): void => seen.add({ what: 'fault', name: fault }),
    onRejection: (direction, reason): void =>
      seen.add({ what: `rejection_${direction}`, name: reason }),
  };
}

export const silentLogger: Logger = new Logger({
  level: 'error',
  write: (): void => {},
  now: (): number => 0,
  fixed: {},
});

/** A greeting as a client sends it. */
export function clientHello(cluster = 77n, machine: string | null = null): Message<'hello'> {
  return encodeClientHello({ cluster, release: 1, machine, checksum: sha256 });
}

/** A request of a client with a body of that many bytes. */
export function clientRequest(
  client: bigint,
  request: number,
  bodySize: number,
): Message<'request'> {
  return encodeMessage(
    'request',
    {
      cluster: 77n,
      replica: NO_REPLICA,
      view: View(0),
      release: 1,
      incarnation: 0n,
      client: ClientId(client),
      session: 1,
      request,
      operation: 16,
    },
    new Uint8Array(bodySize).fill(request),
    sha256,
  );
}
