import { sha256Checksum } from '@kimberlite/store';
import {
  Checksum,
  ClientId,
  encodeMessage,
  HEADER_SIZE,
  type Message,
  NO_REPLICA,
  Op,
  releaseOf,
  sealMessage,
  View,
  writeBatch,
} from '@kimberlite/vsr';

/** A message that another implementation can check itself against. */
export interface Vector {
  readonly name: string;
  /** What a reader should find in it. */
  readonly fields: string;
  readonly bytes: Uint8Array;
}

const CLUSTER = 0x1234n;
const RELEASE = releaseOf('0.1.0');

function requestVector(): Message<'request'> {
  return encodeMessage(
    'request',
    {
      cluster: CLUSTER,
      replica: NO_REPLICA,
      view: View(0),
      release: RELEASE,
      incarnation: 0n,
      client: ClientId(0x0102030405060708090a0b0c0d0e0f10n),
      session: 16384,
      request: 1,
      operation: 16,
    },
    new Uint8Array([0x03, 0x05]),
    sha256Checksum,
  );
}

function prepareVector(request: Message<'request'>): Message<'prepare'> {
  const bytes = new Uint8Array(HEADER_SIZE + 72);
  writeBatch(bytes, HEADER_SIZE, [request]);
  return sealMessage(
    'prepare',
    {
      cluster: CLUSTER,
      replica: 1,
      view: View(1),
      release: RELEASE,
      incarnation: 0n,
      parent: Checksum(0xabcdn),
      checkpointId: Checksum(0n),
      op: Op(2),
      commit: Op(1),
      timestamp: 1_000_000,
      count: 1,
    },
    bytes,
    sha256Checksum,
  );
}

/** The messages of the page, encoded by the production code. */
export function vectors(): Vector[] {
  const request = requestVector();
  return [
    {
      name: 'request',
      fields:
        'Cluster 0x1234, release 0.1.0, client 0x0102030405060708090a0b0c0d0e0f10, ' +
        'session 16384, request 1, operation 16, body `03 05`.',
      bytes: request.bytes,
    },
    {
      name: 'prepare',
      fields:
        'By replica 1 in view 1: op 2, commit 1, parent 0xabcd, no checkpoint, timestamp ' +
        '1,000,000, holding that one request.',
      bytes: prepareVector(request).bytes,
    },
  ];
}

/** Sixteen bytes a line, in front of each its offset; lines of zeros only are left out. */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    if (row.every((byte) => byte === 0)) continue;
    const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${hex}`);
  }
  return lines.join('\n');
}

/** Reads a dump back: `size` bytes, zero where it shows nothing. */
export function readHexDump(text: string, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const line of text.split('\n')) {
    const [offset = '', ...hex] = line.trim().split(/\s+/);
    hex.forEach((byte, at) => {
      bytes[Number.parseInt(offset, 16) + at] = Number.parseInt(byte, 16);
    });
  }
  return bytes;
}
