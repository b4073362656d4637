import { describe, expect, it } from 'vitest';
import { SECTOR_SIZE } from '../config.ts';
import { HEADER_SIZE } from '../message/layout.ts';
import { Checksum } from '../std/numbers.ts';
import { RedundantHeaders } from './redundant-headers.ts';

const SECTORS = 3;

function setUp(): { headers: RedundantHeaders; begun: { sector: number; bytes: Uint8Array }[] } {
  const begun: { sector: number; bytes: Uint8Array }[] = [];
  const ring = new Uint8Array(SECTORS * SECTOR_SIZE);
  const headers = new RedundantHeaders(ring, (sector, bytes) => begun.push({ sector, bytes }));
  return { headers, begun };
}

function entry(value: number): { bytes: Uint8Array; header: { checksum: Checksum } } {
  const bytes = new Uint8Array(HEADER_SIZE).fill(value);
  return { bytes, header: { checksum: Checksum(BigInt(value)) } };
}

describe('the redundant headers', () => {
  it('are written by sectors, each with what its neighbours hold', () => {
    const { headers, begun } = setUp();
    headers.set(1, entry(7));
    headers.want(0, entry(5));
    expect(begun.map(({ sector }) => sector)).toEqual([0]);
    expect(begun[0]?.bytes[0]).toBe(5);
    expect(begun[0]?.bytes[HEADER_SIZE]).toBe(7);
    expect([...headers.onWritten(0).keys()]).toEqual([0]);
    expect(headers.busy).toBe(false);
  });

  it('of one sector wait for each other, and join in the next write', () => {
    const { headers, begun } = setUp();
    headers.want(0, entry(1));
    headers.want(1, entry(2));
    headers.want(2, entry(3));
    expect(begun).toHaveLength(1);
    expect([...headers.onWritten(0).keys()]).toEqual([0]);
    expect(begun).toHaveLength(2);
    expect(headers.busy).toBe(true);
    expect([...headers.onWritten(0).keys()]).toEqual([1, 2]);
    expect(headers.writesOf(0)).toEqual({ count: 2, inFlight: false });
  });

  it('of several sectors do not wait for each other', () => {
    const { headers, begun } = setUp();
    headers.want(0, entry(1));
    headers.want(SECTOR_SIZE / HEADER_SIZE, entry(2));
    expect(begun.map(({ sector }) => sector)).toEqual([0, 1]);
    headers.onWritten(1);
    expect(headers.busy).toBe(true);
  });

  it('are not reported when they were forgotten, waiting or in flight', () => {
    const { headers } = setUp();
    headers.want(0, entry(1));
    headers.want(1, entry(2));
    headers.want(2, entry(3));
    headers.forget(0);
    headers.forget(1);
    expect(headers.isOnItsWay(0, Checksum(1n))).toBe(false);
    expect(headers.isOnItsWay(1, Checksum(2n))).toBe(false);
    expect(headers.isOnItsWay(2, Checksum(3n))).toBe(true);
    expect([...headers.onWritten(0).keys()]).toEqual([]);
    expect([...headers.onWritten(0).keys()]).toEqual([2]);
  });

  it('are written again where they are rotten, as soon as it may be', () => {
    const { headers, begun } = setUp();
    headers.markRotten(2);
    headers.writeRotten(() => false);
    expect(begun).toEqual([]);
    headers.writeRotten(() => true);
    headers.writeRotten(() => true);
    expect(begun.map(({ sector }) => sector)).toEqual([2]);
    expect([...headers.onWritten(2).keys()]).toEqual([]);
    expect(begun).toHaveLength(1);
  });

  it('that rot while their sector is written are written once more', () => {
    const { headers, begun } = setUp();
    headers.want(0, entry(1));
    headers.markRotten(0);
    headers.writeRotten(() => true);
    expect(begun).toHaveLength(1);
    headers.onWritten(0);
    expect(begun).toHaveLength(2);
    headers.onWritten(0);
    expect(begun).toHaveLength(2);
  });

  it('are invalid where they were cleared', () => {
    const { headers, begun } = setUp();
    headers.set(1, entry(7));
    headers.clear(1);
    headers.want(0, entry(5));
    expect(begun[0]?.bytes.subarray(HEADER_SIZE, 2 * HEADER_SIZE).every((b) => b === 0)).toBe(true);
    expect(headers.at(1).every((b) => b === 0)).toBe(true);
  });
});
