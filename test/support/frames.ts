import { connect, type Socket } from 'node:net';
import { createKernel } from '@kimberlite/kernel';
import { sha256 } from '@kimberlite/server';
import {
  CONFIG_DEV,
  clientHello,
  encodeMessage,
  FrameDecoder,
  HELLO_ROLES,
  type Message,
  machineIdentityOf,
  machineNameHash,
  OFFSET_SIZE,
  REJECTION_REASONS,
  type RejectionReason,
  reasonName,
  sizesOf,
  View,
} from '@kimberlite/vsr';

const KERNEL = machineIdentityOf(createKernel(), sha256);

/** The greeting of a client, or of a replica that pretends to have that slot. */
export function hello(cluster: bigint, slot: number | null): Message<'hello'> {
  if (slot === null) return clientHello({ cluster, release: 1, machine: null, checksum: sha256 });
  const fields = {
    cluster,
    replica: slot,
    view: View(0),
    release: 1,
    incarnation: 1n,
    member: BigInt(slot),
    role: HELLO_ROLES.replica,
    replicaCount: 3,
    ...sizesOf(CONFIG_DEV),
    machine: KERNEL.id,
    machineName: machineNameHash(KERNEL.name, sha256),
  };
  return encodeMessage('hello', fields, null, sha256);
}

/** A message with one bit wrong, where only a checksum can notice. */
export function withWrongChecksum(message: Message): Uint8Array {
  const bytes = message.bytes.slice();
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
  return bytes;
}

/** A header that announces 2 GiB. */
export function oversized(message: Message): Uint8Array {
  const bytes = message.bytes.slice();
  new DataView(bytes.buffer).setUint32(OFFSET_SIZE, 2 ** 31, true);
  return bytes;
}

/** A connection that has greeted as a client, says nothing more, and should stay open. */
export function greet(port: number, cluster: bigint): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  socket.write(hello(cluster, null).bytes);
  // The greeting of the other side.
  return new Promise((resolve) => socket.once('data', () => resolve(socket)));
}

/**
 * Sends bytes to a port of a replica, and resolves when it has closed the connection: to the reason
 * that it gave, or null.
 */
export function sendRaw(port: number, ...parts: readonly Uint8Array[]): Promise<string | null> {
  const socket: Socket = connect({ host: '127.0.0.1', port });
  const decoder = new FrameDecoder({ messageSizeMax: 1024 * 1024, checksum: sha256 });
  let given: RejectionReason | null = null;
  socket.on('data', (chunk) => {
    decoder.push(chunk);
    for (let next = decoder.next(); next !== null; next = decoder.next()) {
      if (typeof next === 'string') throw new Error(`the replica sends no message: ${next}`);
      if (next.header.command !== 'rejection') continue;
      given = reasonName(REJECTION_REASONS, next.header.reason) ?? null;
    }
  });
  socket.on('error', () => {});
  for (const part of parts) socket.write(part);
  return new Promise((resolve) => socket.once('close', () => resolve(given)));
}
