import type { ChecksumFunction } from '@kimberlite/store';
import { isZero } from '../std/zeros.ts';
import { HEADER_SIZE } from './layout.ts';
import { decodeHeader, type PrepareHeader, type PrepareMessage } from './message.ts';

/** The header of a logged op with its encoded form, as it travels in view changes and repair. */
export interface LogHeader {
  readonly header: PrepareHeader;
  /** 256 bytes of its own. */
  readonly bytes: Uint8Array;
}

/** The header of a prepare, with bytes of its own: the message may be let go. */
export function logHeaderOf(message: PrepareMessage): LogHeader {
  return { header: message.header, bytes: message.bytes.slice(0, HEADER_SIZE) };
}

/** One after another; 256 zero bytes stand for an unknown one. */
export function encodeHeaderList(headers: readonly (LogHeader | null)[]): Uint8Array {
  const bytes = new Uint8Array(headers.length * HEADER_SIZE);
  headers.forEach((entry, index) => {
    if (entry !== null) bytes.set(entry.bytes, index * HEADER_SIZE);
  });
  return bytes;
}

/** Null when a part is neither a valid prepare header nor all zero. */
export function decodeHeaderList(
  bytes: Uint8Array,
  checksum: ChecksumFunction,
): (LogHeader | null)[] | null {
  const headers: (LogHeader | null)[] = [];
  for (let at = 0; at < bytes.length; at += HEADER_SIZE) {
    const part = bytes.slice(at, at + HEADER_SIZE);
    if (isZero(part, 0, part.length)) {
      headers.push(null);
      continue;
    }
    const header = decodeHeader(part, checksum);
    if (typeof header === 'string' || header.command !== 'prepare') return null;
    headers.push({ header, bytes: part });
  }
  return headers;
}

/**
 * Whether these can be the headers of a log from its head `op` downwards: at most those of a
 * pipeline and one more, the head known, each in its place, committed below itself, and linked to
 * the one above where both are known. Foreign headers in other places would be taken for ops of the
 * log.
 */
export function isLogOf(
  headers: readonly (LogHeader | null)[],
  op: number,
  pipelineMax: number,
): boolean {
  const head = headers[0] ?? null;
  if (head === null || headers.length > Math.min(pipelineMax, op) + 1) return false;
  return headers.every((entry, index) => {
    if (entry === null) return true;
    const { header } = entry;
    const below = headers[index + 1] ?? null;
    const linked = below === null || header.parent === below.header.checksum;
    const possible = header.commit < header.op || header.op === 0;
    return linked && possible && header.op === op - index;
  });
}
