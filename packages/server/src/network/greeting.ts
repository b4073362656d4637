import type { ChecksumFunction } from '@kimberlite/store';
import {
  type ClusterConfig,
  configEquals,
  encodeMessage,
  HELLO_ROLES,
  type MachineIdentity,
  type Message,
  machineNameHash,
  NO_REPLICA,
  REJECTION_REASONS,
  type RejectionReason,
  sizesOf,
  View,
} from '@kimberlite/vsr';

/** Who this process is, as its data file and its build say. */
export interface SelfIdentity {
  readonly cluster: bigint;
  readonly slot: number;
  readonly member: bigint;
  readonly replicaCount: number;
  readonly incarnation: bigint;
  readonly config: ClusterConfig;
  readonly machine: MachineIdentity;
  /** major << 16 | minor << 8 | patch. */
  readonly release: number;
  readonly checksum: ChecksumFunction;
}

/** The first message on every connection, in both directions. */
export function makeHello(self: SelfIdentity): Message<'hello'> {
  const fields = {
    ...authorFields(self),
    member: self.member,
    role: HELLO_ROLES.replica,
    replicaCount: self.replicaCount,
    ...sizesOf(self.config),
    machine: self.machine.id,
    machineName: machineNameHash(self.machine.name, self.checksum),
  };
  return encodeMessage('hello', fields, null, self.checksum);
}

/** Says why the connection is about to be closed. */
export function makeRejection(self: SelfIdentity, reason: RejectionReason): Message<'rejection'> {
  const fields = { ...authorFields(self), reason: REJECTION_REASONS[reason] };
  return encodeMessage('rejection', fields, null, self.checksum);
}

function authorFields(self: SelfIdentity): {
  readonly cluster: bigint;
  readonly replica: number;
  readonly view: View;
  readonly release: number;
  readonly incarnation: bigint;
} {
  return {
    cluster: self.cluster,
    replica: self.slot,
    view: View(0),
    release: self.release,
    incarnation: self.incarnation,
  };
}

/** Why a replica's greeting is refused, or null. `slot` is the one that was dialled, if any. */
export function replicaHelloFault(
  self: SelfIdentity,
  hello: Message<'hello'>,
  slot: number | null,
): RejectionReason | null {
  const { header } = hello;
  if (header.cluster !== self.cluster) return 'wrongCluster';
  if (header.role !== HELLO_ROLES.replica) return 'wrongMember';
  if (header.replica >= self.replicaCount || header.replica === self.slot) return 'wrongMember';
  if (slot !== null && header.replica !== slot) return 'wrongMember';
  // Its acks would count for ops that it executes as another history.
  if (header.machine !== self.machine.id) return 'wrongMachine';
  const same = header.replicaCount === self.replicaCount && configEquals(self.config, header);
  return same ? null : 'wrongSizes';
}

/**
 * Why a client's greeting is refused, or null. Its sizes mean nothing: it learns ours. A client
 * that knows no cluster names zero, and learns ours too; one that names no machine takes any.
 */
export function clientHelloFault(
  self: SelfIdentity,
  hello: Message<'hello'>,
): RejectionReason | null {
  const { cluster } = hello.header;
  if (cluster !== self.cluster && cluster !== 0n) return 'wrongCluster';
  const { role, replica } = hello.header;
  const isClient = role === HELLO_ROLES.client && replica === NO_REPLICA;
  if (!isClient) return 'wrongMember';
  const { machineName } = hello.header;
  if (machineName === 0n) return null;
  // Its requests might be valid ones here, and do something else than it means.
  return machineName === machineNameHash(self.machine.name, self.checksum) ? null : 'wrongMachine';
}

const REJECTION_TEXTS: Readonly<Record<RejectionReason, string>> = {
  wrongCluster: 'it belongs to another cluster; check the addresses',
  wrongVersion: 'it speaks another version of the protocol',
  wrongSizes: 'its data file was formatted with other sizes or another number of replicas',
  wrongMember: 'it is not the replica that belongs there; check the addresses and the data files',
  badMessage: 'it sent what is not a message',
  wrongMachine: 'it is of another state machine; check the program and the data files',
};

export function rejectionText(reason: RejectionReason): string {
  return REJECTION_TEXTS[reason];
}
