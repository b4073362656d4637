import { assert, type ChecksumFunction } from '@kimberlite/store';
import {
  type AnyMessage,
  COMMANDS,
  COMMON_LAYOUT,
  encodeKnownFiles,
  HEADER_SIZE,
  KNOWN_FILES_SIZE,
  layoutOf,
  OFFSET_CHECKSUM,
  OFFSET_CLUSTER,
  OFFSET_COMMAND,
  OFFSET_REPLICA,
  OFFSET_VIEW,
  Op,
  type Prng,
  SLOT_COUNT,
} from '@kimberlite/vsr';
import { commandOf, fieldIn, numberIn, raise, setFirst, viewOf, writeAnyValue } from './fields.ts';
import { type ForgeContext, type Forged, seal, sealHeader } from './forged.ts';
import { falseAck, falseConfirmation, invalidRange, unasked } from './made-up.ts';
import { type Mutation, OPERATION_UNKNOWN } from './mutation.ts';

const CHECKPOINT_RECORD_SIZE = 256;
const PREPARE_CODE = COMMANDS.prepare.code;

/** What becomes of a message; null when the mutation does not apply to one of its kind. */
export function forge(
  message: AnyMessage,
  mutation: Mutation,
  context: ForgeContext,
): readonly Forged[] | null {
  const { from, to, checksum } = context;
  const { command } = message.header;
  const sent = (bytes: Uint8Array): Forged => ({ from, to, command, bytes });
  switch (mutation.kind) {
    case 'duplicate':
      return Array.from({ length: mutation.times }, () => sent(message.bytes.slice()));
    case 'invalid_range':
      return [sent(message.bytes.slice()), invalidRange(message, context)];
    case 'two_names': {
      const bytes = message.bytes.slice();
      bytes[OFFSET_REPLICA] = ((bytes[OFFSET_REPLICA] ?? 0) + 1) % context.replicaCount;
      seal(bytes, checksum);
      return [sent(message.bytes.slice()), sent(bytes)];
    }
    case 'false_ack':
      return falseAck(message, context);
    case 'false_confirmation':
      return falseConfirmation(message, context);
    case 'unasked':
      return [sent(message.bytes.slice()), unasked(message, context)];
    case 'corrupt_checksum': {
      const bytes = message.bytes.slice();
      bytes[OFFSET_CHECKSUM] = (bytes[OFFSET_CHECKSUM] ?? 0) ^ 1;
      return [sent(bytes)];
    }
    case 'tamper_body': {
      if (message.body.length === 0) return null;
      const bytes = message.bytes.slice();
      const at = HEADER_SIZE + context.prng.below(message.body.length);
      bytes[at] = (bytes[at] ?? 0) ^ 0xff;
      return [sent(bytes)];
    }
    default: {
      const bytes = mutate(message.bytes.slice(), mutation, context);
      if (bytes === null) return null;
      seal(bytes, checksum);
      return [sent(bytes)];
    }
  }
}

/** The mutations that leave one message in the place of one. */
function mutate(bytes: Uint8Array, mutation: Mutation, context: ForgeContext): Uint8Array | null {
  switch (mutation.kind) {
    case 'inflate_commit':
      return raise(bytes, ['commit', 'commitMin'], mutation.by);
    case 'shift_op':
      return raise(bytes, ['op'], mutation.by);
    case 'lower_op':
      return raise(bytes, ['op'], -mutation.by);
    case 'commit_everything': {
      const op = numberIn(bytes, 'op');
      if (op === null) return null;
      const commit = commandOf(bytes) === 'prepare' ? op - 1 : op;
      return setFirst(bytes, ['commit', 'commitMin'], commit);
    }
    case 'truncate_tail':
      return withLog(bytes, (log) => log.slice(0, mutation.left * HEADER_SIZE));
    case 'conflicting_tail':
      return withLog(bytes, (log) => anotherHead(log, context.checksum));
    case 'oversized_tail':
      return withLog(bytes, (log) => stretched(log, context.messageSizeMax - 4 * HEADER_SIZE));
    case 'fork':
      if (commandOf(bytes) !== 'prepare' || context.to % 2 === context.from % 2) return null;
      return raise(bytes, ['timestamp'], 1);
    case 'fork_each':
      if (commandOf(bytes) !== 'prepare') return null;
      return raise(bytes, ['timestamp'], 1 + context.to);
    case 'lower_view': {
      const view = numberIn(bytes, 'view') ?? 0;
      return view < mutation.by ? null : setFirst(bytes, ['view'], view - mutation.by);
    }
    case 'raise_log_view':
      return raiseLogView(bytes);
    case 'claim_present':
      return claimPresent(bytes);
    case 'deny_all':
      return setFirst(bytes, ['nackBits'], 0xffff_ffff);
    case 'other_checkpoint':
      return otherCheckpoint(bytes);
    case 'deny_file':
      return denyFile(bytes);
    case 'invalid_request':
      return invalidRequest(bytes);
    case 'random_field':
      return randomField(bytes, context.prng);
    case 'other_cluster':
      bytes[OFFSET_CLUSTER] = (bytes[OFFSET_CLUSTER] ?? 0) ^ 1;
      return bytes;
    case 'composite': {
      let forged: Uint8Array | null = bytes;
      for (const each of mutation.mutations) {
        forged = forged === null ? null : mutate(forged, each, context);
      }
      return forged;
    }
    default:
      throw new Error('a mutation of one message into one');
  }
}

function raiseLogView(bytes: Uint8Array): Uint8Array | null {
  const view = numberIn(bytes, 'view') ?? 0;
  if (commandOf(bytes) !== 'doViewChange' || view === 0) return null;
  return setFirst(bytes, ['logView'], view - 1);
}

/** Of each op whose header is shown: a body, and no denial. */
function claimPresent(bytes: Uint8Array): Uint8Array | null {
  const count = Math.floor((bytes.length - HEADER_SIZE - KNOWN_FILES_SIZE) / HEADER_SIZE);
  const every = count >= 32 ? 0xffff_ffff : 2 ** count - 1;
  return setFirst(setFirst(bytes, ['presentBits'], every), ['nackBits'], 0);
}

/** Changes the list of headers of a do_view_change or start_view. */
function withLog(bytes: Uint8Array, change: (log: Uint8Array) => Uint8Array): Uint8Array | null {
  const command = commandOf(bytes);
  if (command !== 'doViewChange' && command !== 'startView') return null;
  const before = command === 'startView' ? CHECKPOINT_RECORD_SIZE : KNOWN_FILES_SIZE;
  const start = HEADER_SIZE + before;
  const log = change(bytes.slice(start));
  const changed = new Uint8Array(start + log.length);
  changed.set(bytes.subarray(0, start), 0);
  changed.set(log, start);
  return changed;
}

/** The first header becomes another prepare of its op: later by a microsecond, and sealed. */
function anotherHead(log: Uint8Array, checksum: ChecksumFunction): Uint8Array {
  const head = log.subarray(0, HEADER_SIZE);
  if (head[OFFSET_COMMAND] !== PREPARE_CODE) return log;
  raise(head, ['timestamp'], 1);
  sealHeader(head, checksum);
  return log;
}

function stretched(log: Uint8Array, sizeMax: number): Uint8Array {
  const copies = Math.floor(sizeMax / Math.max(HEADER_SIZE, log.length));
  const long = new Uint8Array(Math.max(1, copies) * log.length);
  for (let copy = 0; copy < copies; copy += 1) long.set(log, copy * log.length);
  return long;
}

/** Another file, by an op that nobody has; and in the places of all others too. */
function denyFile(bytes: Uint8Array): Uint8Array | null {
  const field = fieldIn(bytes, 'knownIncarnation');
  if (field === null) return null;
  bytes[field.offset] = (bytes[field.offset] ?? 0) ^ 1;
  raise(bytes, ['knownSince'], 1_000);
  const files = Array.from({ length: SLOT_COUNT }, (_, slot) => ({
    incarnation: BigInt(slot + 1),
    since: Op(1_000),
  }));
  const told = new Uint8Array(HEADER_SIZE + KNOWN_FILES_SIZE);
  told.set(bytes.subarray(0, HEADER_SIZE), 0);
  told.set(encodeKnownFiles(files), HEADER_SIZE);
  return told;
}

/** A bit of the checkpoint's id: the same lie each time, as of one who believes it. */
function otherCheckpoint(bytes: Uint8Array): Uint8Array | null {
  const field = fieldIn(bytes, 'checkpointId');
  if (field === null) return null;
  bytes[field.offset] = (bytes[field.offset] ?? 0) ^ 1;
  return bytes;
}

/** The first request's operation becomes one that nobody knows, its body one that nobody reads. */
function invalidRequest(bytes: Uint8Array): Uint8Array | null {
  if (commandOf(bytes) !== 'prepare' || bytes.length < HEADER_SIZE + 64) return null;
  viewOf(bytes).setUint16(HEADER_SIZE + 28, OPERATION_UNKNOWN, true);
  return bytes;
}

/** Any value in a field of the command or in the view. */
function randomField(bytes: Uint8Array, prng: Prng): Uint8Array {
  const { fields } = layoutOf(commandOf(bytes));
  const view = COMMON_LAYOUT.find(({ offset }) => offset === OFFSET_VIEW);
  assert(view !== undefined, 'every message has a view');
  writeAnyValue(bytes, prng.pick([view, ...fields, ...fields]), prng);
  return bytes;
}
