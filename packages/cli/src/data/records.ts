import type { KeyOperationResult, KeyRecord } from '@kimberlite/client';
import { jsonBytes, printable } from '../text.ts';

/** Key-value results as JSON and as lines. */

export function recordJson(record: KeyRecord): Readonly<Record<string, unknown>> {
  return {
    ...(record.value === null ? { value_withheld: true } : jsonBytes('value', record.value)),
    value_size: record.valueSize,
    create_revision: record.createRevision,
    mod_revision: record.modRevision,
    version: record.version,
  };
}

export function operationJson(result: KeyOperationResult): Readonly<Record<string, unknown>> {
  switch (result.kind) {
    case 'put':
      return {
        kind: 'put',
        revision: result.revision,
        previous: result.previous === null ? null : recordJson(result.previous),
      };
    case 'get':
      return { kind: 'get', ...foundJson(result.record) };
    case 'delete':
      return { kind: 'delete', deleted: result.deleted, revision: result.revision };
    case 'range':
      return {
        kind: 'range',
        more: result.more,
        entries: result.entries.map((entry) => ({
          ...jsonBytes('key', entry.key),
          ...recordJson(entry),
        })),
      };
  }
}

export function foundJson(record: KeyRecord | null): Readonly<Record<string, unknown>> {
  return record === null ? { found: false } : { found: true, ...recordJson(record) };
}

/** One line for each thing that the operation has to say. */
export function operationLines(result: KeyOperationResult): string[] {
  switch (result.kind) {
    case 'put':
      return [`put: revision ${result.revision}`];
    case 'get':
      return [result.record === null ? 'get: not found' : `get: ${valueText(result.record)}`];
    case 'delete':
      return [`del: deleted ${result.deleted}`];
    case 'range':
      return result.entries.map((entry) => `range: ${printable(entry.key)}\t${valueText(entry)}`);
  }
}

/** The value on one line, or what is known of it. */
export function valueText(record: KeyRecord): string {
  return record.value === null ? `(${record.valueSize} bytes)` : printable(record.value);
}
