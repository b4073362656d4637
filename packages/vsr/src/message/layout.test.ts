import { describe, expect, it } from 'vitest';
import {
  COMMAND_FIELDS_OFFSET,
  COMMANDS,
  COMMON_LAYOUT,
  EVICTION_REASONS,
  FIELD_SIZES,
  HEADER_SIZE,
  LAYOUTS,
  layoutOf,
  OFFSET_CHECKSUM,
  OFFSET_CHECKSUM_BODY,
  OFFSET_CLUSTER,
  OFFSET_COMMAND,
  OFFSET_REPLICA,
  OFFSET_SIZE,
  OFFSET_VERSION,
  OFFSET_VIEW,
  REFUSAL_REASONS,
  REJECTION_REASONS,
  reasonName,
} from './layout.ts';

describe('the table of messages', () => {
  it('keeps the wire codes: old logs and peers are read by them', () => {
    expect(LAYOUTS.map(({ command }) => command)).toEqual([
      'reserved',
      'hello',
      'ping',
      'pong',
      'request',
      'prepare',
      'prepareOk',
      'commit',
      'reply',
      'eviction',
      'refusal',
      'startViewChange',
      'doViewChange',
      'startView',
      'requestStartView',
      'requestHeaders',
      'headers',
      'requestPrepare',
      'requestBlocks',
      'block',
      'rejection',
      'query',
      'queryReply',
      'confirmView',
      'viewConfirmed',
      'requestReadIndex',
      'readIndex',
    ]);
    expect(LAYOUTS).toHaveLength(Object.keys(COMMANDS).length);
  });

  it('places the common fields where the named offsets say', () => {
    const offsets = Object.fromEntries(COMMON_LAYOUT.map(({ name, offset }) => [name, offset]));
    expect(offsets).toMatchObject({
      checksum: OFFSET_CHECKSUM,
      checksumBody: OFFSET_CHECKSUM_BODY,
      cluster: OFFSET_CLUSTER,
      size: OFFSET_SIZE,
      version: OFFSET_VERSION,
      command: OFFSET_COMMAND,
      replica: OFFSET_REPLICA,
      view: OFFSET_VIEW,
      reserved: 68,
    });
  });

  it.each(LAYOUTS)('$command: fields follow one another and end in the header', (layout) => {
    let at = COMMAND_FIELDS_OFFSET;
    const names = new Set(COMMON_LAYOUT.map(({ name }) => name));
    for (const { name, kind, offset } of layout.fields) {
      expect(offset).toBe(at);
      // One flat object holds both: a field of the same name would hide the common one.
      expect(names.has(name)).toBe(false);
      names.add(name);
      at += FIELD_SIZES[kind];
    }
    expect(layout.end).toBe(at);
    expect(at).toBeLessThanOrEqual(HEADER_SIZE);
    expect(layoutOf(layout.command)).toBe(layout);
  });
});

describe('reasonName', () => {
  it.each([REFUSAL_REASONS, EVICTION_REASONS, REJECTION_REASONS])('knows its codes', (table) => {
    const codes = Object.values(table);
    expect(new Set(codes).size).toBe(codes.length);
    for (const [name, code] of Object.entries(table)) expect(reasonName(table, code)).toBe(name);
    for (const code of [0, Math.max(...codes) + 1, 255]) expect(reasonName(table, code)).toBeNull();
  });
});
