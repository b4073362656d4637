import { COMMON_LAYOUT, type Field, LAYOUTS } from '@kimberlite/vsr';

type CommandLayout = (typeof LAYOUTS)[number];

const PATH = 'packages/vsr/src/message/header-codec.ts';
const COLUMNS_MAX = 100;

/** The file with a reader and a writer for the header of each command, and where it belongs. */
export function headerCodec(): { readonly path: string; readonly text: string } {
  return { path: PATH, text: `${OPENING}${readers()}\n${writers()}` };
}

const OPENING = `// Written by tools/docs.ts from the tables in layout.ts, and tested: change those.
import {
  inRange, readChecksum, readClient, readOp, readU64, readU128, readView,
  writeBig, writeNumber, writeU8, writeU16, writeU32,
} from './field.ts';
import type { Command, HeaderOf, OwnFields } from './layout.ts';

/**
 * Straight code for each command, with its fields by name: all its headers are objects of one
 * shape, and no field is looked up. A loop over the tables takes ten times as long.
 */
`;

function readers(): string {
  const entries = LAYOUTS.map((layout) => reader(layout)).join('');
  return `export const HEADER_READERS: {
  /** Null when a 64-bit number is above the most. */
  readonly [C in Command]: (v: DataView, most: number) => HeaderOf<C> | null;
} = {
${entries}};
`;
}

function writers(): string {
  const entries = LAYOUTS.map((layout) => writer(layout)).join('');
  return `/** They write what is the command's own. Each asserts that the values fit. */
export const FIELD_WRITERS: {
  readonly [C in Command]: (v: DataView, own: OwnFields<C>) => void;
} = {
${entries}};
`;
}

function reader({ command, fields }: CommandLayout): string {
  const all = [...COMMON_LAYOUT, ...fields];
  const parts = all
    .filter(({ name }) => name !== 'command')
    .map((field) => `${field.name}: ${readCall(field)},`);
  const wide = all
    .filter(({ kind }) => kind === 'u64' || kind === 'op' || kind === 'view')
    .map(({ name }) => `h.${name}`);
  const literal = wrapped([`command: '${command}',`, ...parts], '      ');
  return `  ${command}: (v, most) => {
    const h: HeaderOf<'${command}'> = {
${literal}    };
${inRange(wide)}  },
`;
}

/** Whether none of these is NaN. */
function inRange(names: readonly string[]): string {
  const line = `    return inRange(${names.join(' + ')}) ? h : null;\n`;
  if (line.length <= COLUMNS_MAX) return line;
  const terms = names.map((name, at) => (at === 0 ? name : `+ ${name}`));
  return `    return inRange(\n${wrapped(terms, '      ')}    ) ? h : null;\n`;
}

function writer({ command, fields }: CommandLayout): string {
  if (fields.length === 0) return `  ${command}: () => {},\n`;
  const calls = fields.map(
    (field) => `${writeName(field)}(v, ${field.offset}, own.${field.name});`,
  );
  return `  ${command}: (v, own) => {\n${wrapped(calls, '    ')}  },\n`;
}

function readCall({ kind, offset }: Field): string {
  switch (kind) {
    case 'u8':
      return `v.getUint8(${offset})`;
    case 'u16':
      return `v.getUint16(${offset}, true)`;
    case 'u32':
      return `v.getUint32(${offset}, true)`;
    case 'u64':
      return `readU64(v, ${offset}, most)`;
    case 'op':
      return `readOp(v, ${offset}, most)`;
    case 'view':
      return `readView(v, ${offset}, most)`;
    case 'u128':
      return `readU128(v, ${offset})`;
    case 'checksum':
      return `readChecksum(v, ${offset})`;
    case 'client':
      return `readClient(v, ${offset})`;
  }
}

function writeName({ kind }: Field): string {
  switch (kind) {
    case 'u8':
    case 'u16':
    case 'u32':
      return `write${kind.toUpperCase()}`;
    case 'u64':
    case 'op':
    case 'view':
      return 'writeNumber';
    case 'u128':
    case 'checksum':
    case 'client':
      return 'writeBig';
  }
}

/** The parts one after another, in as few lines as they need. */
function wrapped(parts: readonly string[], indent: string): string {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + part.length <= COLUMNS_MAX) {
      lines[lines.length - 1] = `${last} ${part}`;
    } else lines.push(indent + part);
  }
  return lines.map((line) => `${line}\n`).join('');
}
