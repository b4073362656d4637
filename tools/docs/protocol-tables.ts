import {
  type ClusterConfig,
  COMMON_LAYOUT,
  CONFIG_DEFAULT,
  CONFIG_DEV,
  CONFIG_SIMULATION,
  checkpointDeadline,
  EVICTION_REASONS,
  FIELD_SIZES,
  type Field,
  LAYOUTS,
  quorumsOf,
  REFUSAL_REASONS,
  REJECTION_REASONS,
  snake,
  VOTERS_MAX,
} from '@kimberlite/vsr';
import { table, withParts } from './markdown.ts';
import {
  BODY_MEANINGS,
  COMMON_MEANINGS,
  EVICTION_MEANINGS,
  FIELD_MEANINGS,
  REFUSAL_MEANINGS,
  REJECTION_MEANINGS,
} from './meanings.ts';
import { hexDump, vectors } from './vectors.ts';

type Meanings = Readonly<Record<string, string | undefined>>;

function fieldRows(fields: readonly Field[], meanings: Meanings): (string | number)[][] {
  return fields.map(({ name, kind, offset }) => [
    offset,
    FIELD_SIZES[kind],
    kind,
    `\`${snake(name)}\``,
    meanings[name] ?? '',
  ]);
}

const FIELD_HEAD = ['offset', 'bytes', 'kind', 'field', 'meaning'];

function commonFields(): string {
  return table(FIELD_HEAD, fieldRows(COMMON_LAYOUT, COMMON_MEANINGS));
}

function commandFields(): string {
  return LAYOUTS.map(({ command, code, body, fields }) => {
    const meaning = BODY_MEANINGS[command];
    const about = body === 'none' ? 'No body.' : `Body: ${meaning ?? ''}.`;
    const rows = fieldRows(fields, FIELD_MEANINGS[command]);
    const layout = rows.length === 0 ? 'No fields of its own.' : table(FIELD_HEAD, rows);
    return `**${code} \`${snake(command)}\`.** ${about}\n\n${layout}`;
  }).join('\n\n');
}

function reasons(codes: Readonly<Record<string, number>>, meanings: Meanings): string {
  const rows = Object.entries(codes).map(([name, code]) => [
    code,
    `\`${snake(name)}\``,
    meanings[name] ?? '',
  ]);
  return table(['code', 'reason', 'meaning'], rows);
}

function sizes(): string {
  const columns = [CONFIG_DEFAULT, CONFIG_DEV, CONFIG_SIMULATION];
  const row = (name: string, value: (config: ClusterConfig) => number): (string | number)[] => [
    name,
    ...columns.map((config) => value(config).toLocaleString('en-US')),
  ];
  return table(
    ['size', 'default', '`--size dev`', 'VOPR'],
    [
      row('largest message (one prepare with its header), bytes', (c) => c.messageSizeMax),
      row('WAL slots', (c) => c.walSlots),
      row('pipeline p: ops prepared and not committed', (c) => c.pipelineMax),
      row('checkpoint interval I, ops', (c) => c.checkpointInterval),
      row('deadline D = I / 2, ops', checkpointDeadline),
      row('block, bytes', (c) => c.blockSize),
      row('client sessions', (c) => c.sessionsMax),
      row(
        'limit of the state, bytes; 0 for none (`format --state-bytes-max`)',
        (c) => c.stateBytesMax,
      ),
      row(
        'older revisions that stay readable; 0 for none (`format --history-revisions`)',
        (c) => c.historyRevisions,
      ),
    ],
  );
}

function quorums(): string {
  const rows: number[][] = [];
  for (let voters = 1; voters <= VOTERS_MAX; voters += 1) {
    const { replication, viewChange, nack, majority } = quorumsOf(voters);
    rows.push([voters, replication, viewChange, nack, majority]);
  }
  return table(['voters', 'replication', 'view change', 'nack', 'majority (clock)'], rows);
}

function vectorText(): string {
  return vectors()
    .map(({ name, fields, bytes }) => {
      const size = `${bytes.length} bytes.`;
      return `\`${name}\`: ${fields} ${size}\n\n\`\`\`text ${name}\n${hexDump(bytes)}\n\`\`\``;
    })
    .join('\n\n');
}

/** The parts of docs/protocol.md that are written from the code. */
const PARTS: Readonly<Record<string, () => string>> = {
  'common fields': commonFields,
  'fields of each message': commandFields,
  refusals: () => reasons(REFUSAL_REASONS, REFUSAL_MEANINGS),
  evictions: () => reasons(EVICTION_REASONS, EVICTION_MEANINGS),
  rejections: () => reasons(REJECTION_REASONS, REJECTION_MEANINGS),
  sizes,
  quorums,
  vectors: vectorText,
};

/** The page with its written parts replaced by what the code says now. */
export function withTables(page: string): string {
  return withParts(page, PARTS);
}
