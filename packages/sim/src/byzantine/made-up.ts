import {
  type AnyMessage,
  COMMAND_FIELDS_OFFSET,
  COMMANDS,
  encodeMessage,
  HEADER_SIZE,
  type Header,
  KNOWN_FILES_SIZE,
  layoutOf,
  OFFSET_COMMAND,
  type Prng,
  readField,
  writeField,
} from '@kimberlite/vsr';
import { fieldIn, numberIn, viewOf, writeAnyValue } from './fields.ts';
import { type ForgeContext, type Forged, seal } from './forged.ts';
import { EVERY_COMMAND } from './spoken-commands.ts';

/** Messages that a liar makes up, beside what is said or in the place of an answer. */

/** Headers' worth of bytes in the body of a message that nobody asked for, at most. */
const UNASKED_HEADERS_MAX = 2;

type CommonFields = Pick<Header, 'cluster' | 'view' | 'release' | 'incarnation' | 'replica'>;

function commonFields({ header }: AnyMessage, replica: number): CommonFields {
  const { cluster, view, release, incarnation } = header;
  return { cluster, view, release, incarnation, replica };
}

/** A question for headers whose range ends before it begins. */
export function invalidRange(message: AnyMessage, { from, to, checksum }: ForgeContext): Forged {
  const op = numberIn(message.bytes, 'op') ?? 1;
  const fields = { ...commonFields(message, from), opMin: op + 1, opMax: op };
  // SAFETY: plain numbers where the fields are branded ones; a liar brands nothing.
  const forged = encodeMessage('requestHeaders', fields as never, null, checksum);
  return { from, to, command: 'requestHeaders', bytes: forged.bytes };
}

/** Towards the liar: swallowed, and acknowledged in its name. */
export function falseAck(message: AnyMessage, context: ForgeContext): readonly Forged[] | null {
  const { header } = message;
  if (header.command !== 'prepare') return null;
  const { from: primary, to: liar, checksum } = context;
  const said = context.lastSaidBy(liar);
  if (said === null) return null; // Nobody counts the word of an unknown file.
  const fields = {
    ...commonFields(message, liar),
    incarnation: said.incarnation,
    prepareChecksum: header.checksum,
    // Of a checkpoint that nobody can compare with one of its own.
    checkpointId: header.checkpointId,
    checkpointOp: header.op,
    op: header.op,
    commitMin: header.commit,
    durable: 1,
  };
  const forged = encodeMessage('prepareOk', fields, null, checksum);
  return [{ from: liar, to: primary, command: 'prepareOk', bytes: forged.bytes }];
}

/**
 * Towards the liar: swallowed, and confirmed in its name, in the view that the question names. As
 * long as the liar is in that view its own answer is the truth.
 */
export function falseConfirmation(
  message: AnyMessage,
  context: ForgeContext,
): readonly Forged[] | null {
  const { header } = message;
  if (header.command !== 'confirmView') return null;
  const { from: primary, to: liar, checksum } = context;
  const said = context.lastSaidBy(liar);
  if (said === null || said.view <= header.view) return null;
  const { incarnation } = said;
  const fields = { ...commonFields(message, liar), incarnation, round: header.round };
  const forged = encodeMessage('viewConfirmed', fields, null, checksum);
  return [{ from: liar, to: primary, command: 'viewConfirmed', bytes: forged.bytes }];
}

/**
 * Of any command, with the cluster, view and file of what it comes beside; of the other fields
 * those of the same name stay, now and then, and all else has any value.
 */
export function unasked(message: AnyMessage, context: ForgeContext): Forged {
  const { from, to, prng, checksum } = context;
  const command = prng.pick(EVERY_COMMAND);
  const { body, fields } = layoutOf(command);
  const bodySize = body === 'none' ? 0 : unaskedBodySize(prng);
  const bytes = new Uint8Array(HEADER_SIZE + bodySize);
  bytes.set(message.bytes.subarray(0, COMMAND_FIELDS_OFFSET));
  bytes[OFFSET_COMMAND] = COMMANDS[command].code;
  for (const field of fields) {
    const known = fieldIn(message.bytes, field.name);
    const value = known === null ? null : readField(viewOf(message.bytes), known);
    if (value !== null && known?.kind === field.kind) writeField(viewOf(bytes), field, value);
    if (value === null || prng.chance(0.3)) writeAnyValue(bytes, field, prng);
  }
  // Zeros stand for what is unknown, where there are headers or files.
  const known = prng.chance(0.5);
  for (let at = HEADER_SIZE; known && at < bytes.length; at += 1) bytes[at] = prng.u32() & 0xff;
  seal(bytes, checksum);
  return { from, to, command, bytes };
}

/** As of a list of files, of headers, or of both. */
function unaskedBodySize(prng: Prng): number {
  const files = prng.pick([0, KNOWN_FILES_SIZE]);
  return files + HEADER_SIZE * prng.below(UNASKED_HEADERS_MAX + 1);
}
