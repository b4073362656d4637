import { assert, type ChecksumFunction, readU128, Slab } from '@kimberlite/store';
import { type Checksum, NUMBER_MAX } from '../std/numbers.ts';
import { isZero } from '../std/zeros.ts';
import { readBatch } from './batch.ts';
import { BLOCK_REFERENCE_SIZE } from './block-list.ts';
import { writeBig, writeNumber, writeU8, writeU32 } from './field.ts';
import { FIELD_WRITERS, HEADER_READERS } from './header-codec.ts';
import { KNOWN_FILES_SIZE } from './known-files.ts';
import {
  COMMAND_FIELDS_OFFSET,
  type Command,
  type FieldsToSend,
  HEADER_SIZE,
  type Header,
  type HeaderOf,
  LAYOUTS,
  layoutOf,
  OFFSET_CHECKSUM,
  OFFSET_CHECKSUM_BODY,
  OFFSET_CLUSTER,
  OFFSET_COMMAND,
  OFFSET_COMMON_END,
  OFFSET_INCARNATION,
  OFFSET_RELEASE,
  OFFSET_REPLICA,
  OFFSET_RESERVED,
  OFFSET_SIZE,
  OFFSET_VERSION,
  OFFSET_VIEW,
  type OwnFields,
  PROTOCOL_VERSION,
  type SenderFields,
} from './layout.ts';

/**
 * A message: its decoded header over the very bytes that travel. Nobody changes the bytes after
 * they are sealed; the same buffer goes to the disk, to the peers and to the state machine.
 */
export interface Message<C extends Command = Command> {
  readonly header: HeaderOf<C>;
  /** Header and body. */
  readonly bytes: Uint8Array;
  /** The part of `bytes` after the header. */
  readonly body: Uint8Array;
}

/** The header of an op in the log. */
export type PrepareHeader = HeaderOf<'prepare'>;
/** An op with its requests, as it stands in the log. */
export type PrepareMessage = Message<'prepare'>;
/** Any message, discriminated on `header.command`. */
export type AnyMessage = { readonly [C in Command]: Message<C> }[Command];

/** Why bytes are no message. Counted by name and dropped; never thrown. */
export type DecodeFault =
  | 'too_short'
  | 'header_checksum'
  | 'version'
  | 'unknown_command'
  | 'size'
  | 'body_checksum'
  | 'field_range'
  | 'not_zero'
  | 'body_shape';

/** Narrows a message by its command. */
export function isCommand<C extends Command>(
  message: { readonly header: { readonly command: Command } },
  command: C,
): message is Message<C> {
  return message.header.command === command;
}

/** The body of most messages. */
const NO_BYTES = new Uint8Array(0);
/** For messages of up to 1 KiB, which do not live long; what is logged has memory of its own. */
const small = new Slab(8 * 1024);

/** Makes a message with a copy of `body`. */
export function encodeMessage<C extends Command>(
  command: C,
  fields: FieldsToSend<C>,
  body: Uint8Array | null,
  checksum: ChecksumFunction,
): Message<C> {
  return encodeFrom(command, { sender: fields, own: fields }, body, checksum);
}

/** The same, with what the sender says in all its messages apart from what is the command's own. */
export function encodeFrom<C extends Command>(
  command: C,
  parts: MessageParts<C>,
  body: Uint8Array | null,
  checksum: ChecksumFunction,
): Message<C> {
  const bytes = small.take(HEADER_SIZE + (body === null ? 0 : body.length));
  if (body !== null) bytes.set(body, HEADER_SIZE);
  return seal(command, parts, bytes, checksum);
}

/**
 * Writes the header in front of a body that already stands at HEADER_SIZE: no copy. The first 256
 * bytes must be zero.
 */
export function sealMessage<C extends Command>(
  command: C,
  fields: FieldsToSend<C>,
  bytes: Uint8Array,
  checksum: ChecksumFunction,
): Message<C> {
  return seal(command, { sender: fields, own: fields }, bytes, checksum);
}

/** What a message says, by who says it. */
export interface MessageParts<C extends Command> {
  readonly sender: SenderFields;
  readonly own: OwnFields<C>;
}

function seal<C extends Command>(
  command: C,
  { sender, own }: MessageParts<C>,
  bytes: Uint8Array,
  checksum: ChecksumFunction,
): Message<C> {
  const layout = layoutOf(command);
  assert(layout.body === 'bytes' || bytes.length === HEADER_SIZE, 'a body where there is one');
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_SIZE);
  const body = bytes.length === HEADER_SIZE ? NO_BYTES : bytes.subarray(HEADER_SIZE);
  writeBig(view, OFFSET_CHECKSUM_BODY, bodyChecksum(body, checksum));
  writeBig(view, OFFSET_CLUSTER, sender.cluster);
  writeU32(view, OFFSET_SIZE, bytes.length);
  view.setUint16(OFFSET_VERSION, PROTOCOL_VERSION, true);
  view.setUint8(OFFSET_COMMAND, layout.code);
  writeU8(view, OFFSET_REPLICA, sender.replica);
  writeNumber(view, OFFSET_VIEW, sender.view);
  writeU32(view, OFFSET_RELEASE, sender.release);
  writeBig(view, OFFSET_INCARNATION, sender.incarnation);
  FIELD_WRITERS[command](view, own);
  writeBig(view, OFFSET_CHECKSUM, checksum.hash(bytes.subarray(16, HEADER_SIZE)));
  const header = HEADER_READERS[command](view, Number.MAX_SAFE_INTEGER);
  assert(header !== null, 'what was written can be read');
  return { header, bytes, body };
}

/**
 * Decodes a header alone (256 bytes), as in the log's header ring, in view changes and before a
 * body has arrived. Everything but the body's checksum and shape is checked.
 */
export function decodeHeader(bytes: Uint8Array, checksum: ChecksumFunction): Header | DecodeFault {
  if (bytes.length < HEADER_SIZE) return 'too_short';
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_SIZE);
  const expected = readU128(view, OFFSET_CHECKSUM);
  if (expected === 0n || expected !== checksum.hash(bytes.subarray(16, HEADER_SIZE))) {
    return 'header_checksum';
  }
  if (view.getUint16(OFFSET_VERSION, true) !== PROTOCOL_VERSION) return 'version';
  const layout = LAYOUTS[view.getUint8(OFFSET_COMMAND)];
  if (layout === undefined) return 'unknown_command';
  const size = view.getUint32(OFFSET_SIZE, true);
  if (size < HEADER_SIZE || (layout.body === 'none' && size !== HEADER_SIZE)) return 'size';
  if (
    view.getUint32(OFFSET_RESERVED, true) !== 0 ||
    !isZero(bytes, OFFSET_COMMON_END, COMMAND_FIELDS_OFFSET) ||
    !isZero(bytes, layout.end, HEADER_SIZE)
  ) {
    return 'not_zero';
  }
  return HEADER_READERS[layout.command](view, NUMBER_MAX) ?? 'field_range';
}

/** Decodes a whole message: exactly `size` bytes. Never throws, whatever the bytes. */
export function decodeMessage(
  bytes: Uint8Array,
  checksum: ChecksumFunction,
): AnyMessage | DecodeFault {
  const header = decodeHeader(bytes, checksum);
  if (typeof header === 'string') return header;
  if (header.size !== bytes.length) return 'size';
  const body = bytes.length === HEADER_SIZE ? NO_BYTES : bytes.subarray(HEADER_SIZE);
  if (bodyChecksum(body, checksum) !== header.checksumBody) return 'body_checksum';
  if (!bodyHasShape(header, body)) return 'body_shape';
  return { header, bytes, body } as AnyMessage; // SAFETY: the header names the command.
}

/** Sizes that the command promises; what the parts mean is checked by who reads them. */
function bodyHasShape(header: Header, body: Uint8Array): boolean {
  switch (header.command) {
    case 'prepare':
      return readBatch(body, header.count) !== null;
    case 'doViewChange': {
      const headers = body.length - KNOWN_FILES_SIZE;
      return headers >= 0 && headers % HEADER_SIZE === 0;
    }
    case 'pong':
      return body.length === 0 || body.length === KNOWN_FILES_SIZE;
    case 'headers':
      return body.length % HEADER_SIZE === 0;
    case 'startView':
      return body.length % HEADER_SIZE === 0 && body.length >= 2 * HEADER_SIZE;
    case 'requestBlocks':
      return body.length % BLOCK_REFERENCE_SIZE === 0 && body.length > 0;
    default:
      return true;
  }
}

/** Total size that a header announces, read before anything is verified; null if too few bytes. */
export function peekSize(bytes: Uint8Array): number | null {
  if (bytes.length < OFFSET_SIZE + 4) return null;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(OFFSET_SIZE, true);
}

function bodyChecksum(body: Uint8Array, checksum: ChecksumFunction): Checksum {
  return body.length === 0 ? emptyBodyChecksum(checksum) : checksum.hash(body);
}

/** The function whose empty hash was asked for last, and that hash: there is one in a process. */
let emptyBody: { readonly of: ChecksumFunction; readonly checksum: Checksum } | null = null;

/** The checksum of an empty body, which most messages carry. */
function emptyBodyChecksum(checksum: ChecksumFunction): Checksum {
  if (emptyBody === null || emptyBody.of !== checksum) {
    emptyBody = { of: checksum, checksum: checksum.hash(NO_BYTES) };
  }
  return emptyBody.checksum;
}
