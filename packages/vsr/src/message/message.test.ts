import { mix128, sha256Checksum, writeU64 } from '@kimberlite/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NUMBER_MAX } from '../std/numbers.ts';
import { Prng } from '../std/prng.ts';
import {
  ALL_COMMANDS,
  isSealed,
  type RandomMessage,
  randomMessage,
  resealed,
} from '../testing/message-arbitrary.ts';
import { KNOWN_FILES_SIZE } from './known-files.ts';
import {
  COMMAND_FIELDS_OFFSET,
  COMMON_LAYOUT,
  type Command,
  FIELD_SIZES,
  HEADER_SIZE,
  LAYOUTS,
  layoutOf,
  OFFSET_COMMAND,
  OFFSET_COMMON_END,
  OFFSET_SIZE,
  OFFSET_VERSION,
  PROTOCOL_VERSION,
} from './layout.ts';
import { decodeHeader, decodeMessage, encodeMessage, peekSize } from './message.ts';

/** A message with a body where the command has one: mutations need something to mutate. */
function sample(command: Command): RandomMessage {
  for (let seed = 1n; ; seed += 1n) {
    const made = randomMessage(command, new Prng(seed));
    if (layoutOf(command).body === 'none' || made.body.length > 0) return made;
  }
}

function decode(bytes: Uint8Array): string | object {
  return decodeMessage(bytes, mix128);
}

describe.each(ALL_COMMANDS)('%s', (command) => {
  const layout = layoutOf(command);

  it('comes back as it was sent', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(16), (seed, offset) => {
        const { fields, body, message } = randomMessage(command, new Prng(seed));
        // On the wire a message begins anywhere in a buffer.
        const buffer = new Uint8Array(offset + message.bytes.length + 3);
        buffer.set(message.bytes, offset);
        const bytes = buffer.subarray(offset, offset + message.bytes.length);
        const decoded = decodeMessage(bytes, mix128);
        if (typeof decoded === 'string') throw new Error(decoded);
        expect(decoded.header).toEqual(message.header);
        expect(decoded.header).toMatchObject({ ...fields, command, version: PROTOCOL_VERSION });
        expect(decoded.header.size).toBe(HEADER_SIZE + body.length);
        expect(decoded.body).toEqual(body);
        expect(decodeHeader(bytes, mix128)).toEqual(message.header);
        expect(peekSize(bytes)).toBe(bytes.length);
      }),
      { numRuns: 50 },
    );
  });

  it('is refused after any single flipped bit of its header', () => {
    const { bytes } = sample(command).message;
    for (let bit = 0; bit < HEADER_SIZE * 8; bit += 1) {
      const copy = bytes.slice();
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      // Bits of the header are all under its checksum; nothing else is looked at before.
      expect(decode(copy)).toBe('header_checksum');
      expect(decodeHeader(copy, mix128)).toBe('header_checksum');
    }
  });

  it('is refused after any other value of any header byte', () => {
    const { bytes } = sample(command).message;
    const copy = bytes.slice();
    for (let at = 0; at < HEADER_SIZE; at += 1) {
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
        if (bytes[at] === value) continue;
        copy[at] = value;
        expect(decode(copy)).toBe('header_checksum');
      }
      copy[at] = bytes[at] ?? 0;
    }
  });

  it('is refused after any single flipped bit of its body', () => {
    const { bytes } = sample(command).message;
    if (layout.body === 'bytes') expect(bytes.length).toBeGreaterThan(HEADER_SIZE);
    for (let bit = HEADER_SIZE * 8; bit < bytes.length * 8; bit += 1) {
      const copy = bytes.slice();
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decode(copy)).toBe('body_checksum');
    }
  });

  it('is refused when its end is missing or something follows', () => {
    const { bytes } = sample(command).message;
    for (let length = 0; length < HEADER_SIZE; length += 1) {
      expect(decode(bytes.subarray(0, length))).toBe('too_short');
      expect(decodeHeader(bytes.subarray(0, length), mix128)).toBe('too_short');
    }
    for (let length = HEADER_SIZE; length < bytes.length; length += 1) {
      expect(decode(bytes.subarray(0, length))).toBe('size');
    }
    const longer = new Uint8Array(bytes.length + 1);
    longer.set(bytes);
    expect(decode(longer)).toBe('size');
  });

  it('is refused when a byte that must be zero is not, though the checksum is right', () => {
    const { bytes } = sample(command).message;
    const zero = [68, 69, 70, 71];
    for (let at = OFFSET_COMMON_END; at < COMMAND_FIELDS_OFFSET; at += 1) zero.push(at);
    for (let at = layout.end; at < HEADER_SIZE; at += 1) zero.push(at);
    for (const at of zero) {
      const bad = resealed(bytes, (copy) => {
        copy[at] = 1;
      });
      expect(isSealed(bad)).toBe(true);
      expect(decode(bad)).toBe('not_zero');
    }
  });

  it('is refused with another version, command or size, though the checksum is right', () => {
    const { bytes } = sample(command).message;
    const put = (at: number, value: number, width: 1 | 2 | 4): string | object =>
      decode(
        resealed(bytes, (copy) => {
          for (let byte = 0; byte < width; byte += 1) copy[at + byte] = value >>> (8 * byte);
        }),
      );
    for (const version of [0, PROTOCOL_VERSION + 1, 0xffff]) {
      expect(put(OFFSET_VERSION, version, 2)).toBe('version');
    }
    for (let code = LAYOUTS.length; code < 256; code += 1) {
      expect(put(OFFSET_COMMAND, code, 1)).toBe('unknown_command');
    }
    for (const size of [0, 1, HEADER_SIZE - 1, bytes.length + 1, bytes.length - 1, 0xffffffff]) {
      expect(put(OFFSET_SIZE, size, 4)).toBe('size');
    }
    expect(put(OFFSET_SIZE, bytes.length, 4)).toMatchObject({ header: { command } });
  });

  it('is refused when a 64-bit number is above the highest, and not one below', () => {
    const { bytes } = sample(command).message;
    for (const field of [...COMMON_LAYOUT, ...layout.fields]) {
      if (FIELD_SIZES[field.kind] !== 8) continue;
      for (const [low, high] of [
        [1, 0x1fffff],
        [0, 0x200000],
        [0xffffffff, 0xffffffff],
      ] as const) {
        const bad = resealed(bytes, (copy) => {
          const view = new DataView(copy.buffer);
          view.setUint32(field.offset, low, true);
          view.setUint32(field.offset + 4, high, true);
        });
        expect(decode(bad)).toBe('field_range');
      }
      const good = resealed(bytes, (copy) => {
        writeU64(new DataView(copy.buffer), field.offset, NUMBER_MAX);
      });
      expect(decode(good)).toMatchObject({ header: { [field.name]: NUMBER_MAX } });
    }
  });

  it('never throws, whatever a liar writes under a right checksum', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 12 }),
        (changes) => {
          const { bytes } = sample(command).message;
          const bad = resealed(bytes, (copy) => {
            for (const [at, value] of changes) copy[at % copy.length] = value;
          });
          const decoded = decodeMessage(bad, mix128);
          if (typeof decoded !== 'string') expect(decoded.bytes.length).toBe(decoded.header.size);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('body shape', () => {
  const shapes: readonly (readonly [Command, number, boolean])[] = [
    ['doViewChange', 0, false],
    ['doViewChange', KNOWN_FILES_SIZE, true],
    ['doViewChange', KNOWN_FILES_SIZE + HEADER_SIZE, true],
    ['doViewChange', KNOWN_FILES_SIZE + HEADER_SIZE + 1, false],
    ['headers', 2 * HEADER_SIZE, true],
    ['headers', 255, false],
    ['startView', HEADER_SIZE, false],
    ['startView', 2 * HEADER_SIZE, true],
    ['startView', 2 * HEADER_SIZE + 255, false],
    ['requestBlocks', 0, false],
    ['requestBlocks', 32, true],
    ['requestBlocks', 33, false],
  ];

  it.each(shapes)('%s with %i bytes: accepted is %s', (command, length, accepted) => {
    const { fields } = sample(command);
    const body = new Uint8Array(length);
    const { bytes } = encodeMessage(command, fields as never, body, mix128);
    const decoded = decode(bytes);
    if (accepted) expect(decoded).toMatchObject({ header: { command } });
    else expect(decoded).toBe('body_shape');
  });

  it('a prepare must hold exactly as many requests as it says', () => {
    const { fields } = sample('prepare');
    const counted = (count: number): string | object =>
      decode(
        encodeMessage('prepare', { ...fields, count } as never, new Uint8Array(128), mix128).bytes,
      );
    expect(counted(2)).toMatchObject({ header: { count: 2 } });
    for (const count of [0, 1, 3, 0xffffffff]) expect(counted(count)).toBe('body_shape');
  });
});

describe('decodeMessage', () => {
  it('refuses nothing but zeros: an empty place is not a message', () => {
    expect(decode(new Uint8Array(HEADER_SIZE))).toBe('header_checksum');
    expect(decode(new Uint8Array(0))).toBe('too_short');
  });

  it('never throws on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(typeof decodeMessage(bytes, mix128)).toBe('string');
        peekSize(bytes);
      }),
    );
  });

  it('uses the checksum function of the cluster', () => {
    const { message } = sample('ping');
    expect(decodeMessage(message.bytes, sha256Checksum)).toBe('header_checksum');
  });
});

describe('peekSize', () => {
  it('is null before the field has arrived', () => {
    expect(peekSize(new Uint8Array(OFFSET_SIZE + 3))).toBeNull();
    expect(peekSize(new Uint8Array(OFFSET_SIZE + 4))).toBe(0);
  });
});

describe('encodeMessage', () => {
  it('refuses what does not fit its field, and a body where there is none', () => {
    const ping = sample('ping').fields;
    for (const change of [{ status: 256 }, { status: -1 }, { op: 0.5 }, { op: 2 ** 53 }]) {
      expect(() => encodeMessage('ping', { ...ping, ...change } as never, null, mix128)).toThrow();
    }
    expect(() => encodeMessage('ping', ping as never, new Uint8Array(1), mix128)).toThrow();
    const { op: _, ...incomplete } = ping;
    expect(() => encodeMessage('ping', incomplete as never, null, mix128)).toThrow();
  });
});
