import { assert, type ChecksumFunction, readU128, Slab, writeU128 } from '@kimberlite/store';
import type { Checksum } from '../std/numbers.ts';
import { isZero } from '../std/zeros.ts';
import { readBatch } from './batch.ts';
import { BLOCK_REFERENCE_SIZE } from './block-list.ts';
import { readField, writeField } from './field.ts';
import {
  COMMAND_FIELDS_OFFSET,
  COMMON_LAYOUT,
  type Command,
  type FieldsToSend,
  HEADER_SIZE,
  type Header,
  type HeaderOf,
  LAYOUTS,
  layoutOf,
  OFFSET_CHECKSUM,
  OFFSET_COMMAND,
  OFFSET_COMMON_END,
  OFFSET_RESERVED,
  OFFSET_SIZE,
  OFFSET_VERSION,
  PROTOCOL_VERSION,
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

/** For messages of up to 1 KiB, which do not live long; what is logged has memory of its own. */
const small = new Slab(8 * 1024);

/** Makes a message with a copy of `body`. */
export function encodeMessage<C extends Command>(
  command: C,
  fields: FieldsToSend<C>,
  body: Uint8Array | null,
  checksum: ChecksumFunction,
): Message<C> {
  const bytes = small.take(HEADER_SIZE + (body === null ? 0 : body.length));
  if (body !== null) bytes.set(body, HEADER_SIZE);
  return sealMessage(command, fields, bytes, checksum);
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
  const layout = layoutOf(command);
  assert(layout.body === 'bytes' || bytes.length === HEADER_SIZE, 'a body where there is one');
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_SIZE);
  const body = bytes.subarray(HEADER_SIZE);
  const given = fields as Readonly<Record<string, number | bigint>>; // SAFETY: same keys.
  const computed: Readonly<Record<string, number | bigint>> = {
    checksum: 0n,
    checksumBody: bodyChecksum(body, checksum),
    size: bytes.length,
    version: PROTOCOL_VERSION,
    reserved: 0,
  };
  // In the order of `decodeFields`, so that both make objects of one shape.
  const header: Record<string, unknown> = { ...layout.template };
  for (const field of COMMON_LAYOUT) {
    if (field.offset === OFFSET_COMMAND) continue;
    const value = computed[field.name] ?? given[field.name];
    assert(value !== undefined, 'every common field is given');
    writeField(view, field, value);
    header[field.name] = value;
  }
  for (const field of layout.fields) {
    const value = given[field.name];
    assert(value !== undefined, 'every field of the command is given');
    writeField(view, field, value);
    header[field.name] = value;
  }
  view.setUint8(OFFSET_COMMAND, layout.code);
  const sum = checksum.hash(bytes.subarray(16, HEADER_SIZE));
  writeU128(view, OFFSET_CHECKSUM, sum);
  header['checksum'] = sum;
  // SAFETY: the fields of the command's layout, as `decodeFields` would read them.
  return { header: header as unknown as HeaderOf<C>, bytes, body };
}

function decodeFields(code: number, view: DataView): Header | null {
  const layout = LAYOUTS[code];
  assert(layout !== undefined, 'the code was checked');
  const header: Record<string, unknown> = { ...layout.template };
  for (const field of COMMON_LAYOUT) {
    if (field.offset === OFFSET_COMMAND) continue;
    const value = readField(view, field);
    if (value === null) return null;
    header[field.name] = value;
  }
  for (const field of layout.fields) {
    const value = readField(view, field);
    if (value === null) return null;
    header[field.name] = value;
  }
  return header as unknown as Header; // SAFETY: built from the layout of its command.
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
  return decodeFields(layout.code, view) ?? 'field_range';
}

/** Decodes a whole message: exactly `size` bytes. Never throws, whatever the bytes. */
export function decodeMessage(
  bytes: Uint8Array,
  checksum: ChecksumFunction,
): AnyMessage | DecodeFault {
  const header = decodeHeader(bytes, checksum);
  if (typeof header === 'string') return header;
  if (header.size !== bytes.length) return 'size';
  const body = bytes.subarray(HEADER_SIZE);
  if (bodyChecksum(body, checksum) !== header.checksumBody) return 'body_checksum';
  if (!bodyHasShape(header, body)) return 'body_shape';
  return { header, bytes, body } as AnyMessage; // SAFETY: the header names the command.
}

/** Sizes that the command promises; what the parts mean is checked by who reads them. */
function bodyHasShape(header: Header, body: Uint8Array): boolean {
  switch (header.command) {
    case 'prepare':
      return readBatch(body, header.count) !== null;
    case 'doViewChange':
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
    emptyBody = { of: checksum, checksum: checksum.hash(new Uint8Array(0)) };
  }
  return emptyBody.checksum;
}
