import { mix128, readU128, writeU128 } from '@kimberlite/store';
import { BATCH_ENTRY_SIZE } from '../message/batch.ts';
import { KNOWN_FILES_SIZE } from '../message/known-files.ts';
import {
  COMMANDS,
  type Command,
  type FieldKind,
  type FieldsToSend,
  HEADER_SIZE,
  layoutOf,
  OFFSET_CHECKSUM,
  OFFSET_CHECKSUM_BODY,
} from '../message/layout.ts';
import { encodeMessage, type Message } from '../message/message.ts';
import { NUMBER_MAX } from '../std/numbers.ts';
import type { Prng } from '../std/prng.ts';

/** Every command of the registry. */
// SAFETY: the keys of the table.
export const ALL_COMMANDS: readonly Command[] = Object.keys(COMMANDS) as Command[];

/** A value of a field: now and then one of the edges of its range. */
function fieldValue(kind: FieldKind, prng: Prng): number | bigint {
  const edge = prng.below(4);
  switch (kind) {
    case 'u8':
      return edge === 0 ? 0xff : prng.below(0x100);
    case 'u16':
      return edge === 0 ? 0xffff : prng.below(0x10000);
    case 'u32':
      return edge === 0 ? 0xffffffff : prng.u32();
    case 'u64':
    case 'op':
    case 'view':
      return edge === 0 ? NUMBER_MAX : prng.below(NUMBER_MAX);
    case 'u128':
    case 'checksum':
    case 'client':
      return edge === 0 ? (1n << 128n) - 1n : prng.u128();
  }
}

/** Random fields for a command, straight from the registry. */
function fieldsFor<C extends Command>(command: C, prng: Prng): FieldsToSend<C> {
  const fields: Record<string, number | bigint> = {
    cluster: fieldValue('u128', prng),
    replica: fieldValue('u8', prng),
    view: fieldValue('view', prng),
    release: fieldValue('u32', prng),
    incarnation: fieldValue('u128', prng),
  };
  for (const { name, kind } of layoutOf(command).fields) fields[name] = fieldValue(kind, prng);
  return fields as FieldsToSend<C>; // SAFETY: one value for every field of the registry.
}

function randomBytes(length: number, prng: Prng): Uint8Array {
  return Uint8Array.from({ length }, () => prng.below(256));
}

/** A body of the shape that the command promises, or null for none. */
function bodyFor(command: Command, prng: Prng): { body: Uint8Array | null; count: number } {
  const parts = prng.below(3);
  switch (command) {
    case 'prepare':
      return { body: emptyRequests(parts, prng), count: parts };
    case 'doViewChange':
      return { body: randomBytes(KNOWN_FILES_SIZE + parts * HEADER_SIZE, prng), count: 0 };
    case 'pong':
      return { body: parts === 0 ? null : randomBytes(KNOWN_FILES_SIZE, prng), count: 0 };
    case 'headers':
      return { body: randomBytes(parts * HEADER_SIZE, prng), count: 0 };
    case 'startView':
      return { body: randomBytes((parts + 2) * HEADER_SIZE, prng), count: 0 };
    case 'requestBlocks':
      return { body: randomBytes((parts + 1) * 32, prng), count: 0 };
    default: {
      const none = layoutOf(command).body === 'none';
      return { body: none ? null : randomBytes(prng.below(100), prng), count: 0 };
    }
  }
}

/** Batch entries without a body: 64 random bytes each whose numbers are in range. */
function emptyRequests(count: number, prng: Prng): Uint8Array {
  const body = randomBytes(count * BATCH_ENTRY_SIZE, prng);
  const view = new DataView(body.buffer);
  for (let at = 0; at < body.length; at += BATCH_ENTRY_SIZE) {
    view.setUint32(at + 20, prng.below(0x200000), true); // High word of the session.
    view.setUint32(at + 32, 0, true); // Size.
  }
  return body;
}

/** What a test hands to the codec, and what it must give back. */
export interface RandomMessage {
  readonly command: Command;
  readonly fields: Readonly<Record<string, number | bigint>>;
  readonly body: Uint8Array;
  readonly message: Message;
}

/** A random well-formed message of one command. */
export function randomMessage(command: Command, prng: Prng): RandomMessage {
  const { body, count } = bodyFor(command, prng);
  const fields = fieldsFor(command, prng);
  const given = command === 'prepare' ? { ...fields, count } : fields;
  return {
    command,
    fields: given as Readonly<Record<string, number | bigint>>, // SAFETY: made as one.
    body: body ?? new Uint8Array(0),
    message: encodeMessage(command, given, body, mix128),
  };
}

/** A copy of the bytes with one change and both checksums worked out anew: what a liar can send. */
export function resealed(bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice();
  change(copy);
  const view = new DataView(copy.buffer);
  writeU128(view, OFFSET_CHECKSUM_BODY, mix128.hash(copy.subarray(HEADER_SIZE)));
  writeU128(view, OFFSET_CHECKSUM, mix128.hash(copy.subarray(16, HEADER_SIZE)));
  return copy;
}

/** Whether the header's own checksum holds: a test that the helper above does what it says. */
export function isSealed(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return readU128(view, OFFSET_CHECKSUM) === mix128.hash(bytes.subarray(16, HEADER_SIZE));
}
