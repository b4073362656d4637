import { assert } from '@kimberlite/store';
import {
  COMMON_LAYOUT,
  type Command,
  FIELD_SIZES,
  type Field,
  LAYOUTS,
  layoutOf,
  OFFSET_COMMAND,
  type Prng,
  readField,
  writeField,
} from '@kimberlite/vsr';

/** Fields of a message in its bytes, as who forges one reaches for them. */

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function commandOf(bytes: Uint8Array): Command {
  const layout = LAYOUTS[bytes[OFFSET_COMMAND] ?? 0];
  assert(layout !== undefined, 'the sender knows its command');
  return layout.command;
}

export function fieldIn(bytes: Uint8Array, name: string): Field | null {
  const { fields } = layoutOf(commandOf(bytes));
  return [...COMMON_LAYOUT, ...fields].find((field) => field.name === name) ?? null;
}

export function numberIn(bytes: Uint8Array, name: string): number | null {
  const field = fieldIn(bytes, name);
  const value = field === null ? null : readField(viewOf(bytes), field);
  return typeof value === 'number' ? value : null;
}

/** Sets the first of these fields that the message has; null when it has none. */
export function setFirst(
  bytes: Uint8Array | null,
  names: readonly string[],
  value: number,
): Uint8Array | null {
  if (bytes === null) return null;
  const field = names.map((name) => fieldIn(bytes, name)).find((each) => each !== null) ?? null;
  if (field === null) return null;
  writeField(viewOf(bytes), field, value);
  return bytes;
}

/** Moves the first of these fields that the message has, not below zero; null when it has none. */
export function raise(bytes: Uint8Array, names: readonly string[], by: number): Uint8Array | null {
  const name = names.find((each) => fieldIn(bytes, each) !== null) ?? null;
  if (name === null) return null;
  return setFirst(bytes, [name], Math.max(0, (numberIn(bytes, name) ?? 0) + by));
}

/** A number that is believed, far above all that there are, and far below the highest. */
const LARGE = 2 ** 52;

/** Any value: mostly a small one or a neighbour of what stands there, now and then the largest. */
export function writeAnyValue(bytes: Uint8Array, field: Field, prng: Prng): void {
  const bits = FIELD_SIZES[field.kind] * 8;
  if (bits === 128) {
    writeField(viewOf(bytes), field, prng.u128());
    return;
  }
  const old = readField(viewOf(bytes), field);
  const base = typeof old === 'number' ? old : 0;
  const most = bits >= 64 ? Number.MAX_SAFE_INTEGER : 2 ** bits - 1;
  const large = bits >= 64 ? LARGE : most;
  const near = [base + 1, base - 1, base + prng.below(64)];
  const drawn = prng.pick([...near, prng.below(100), 0, large, most]);
  writeField(viewOf(bytes), field, Math.min(most, Math.max(0, drawn)));
}
