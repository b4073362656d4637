import { assert } from '@kimberlite/store';
import { SLOT_COUNT } from '../membership.ts';
import {
  decodeKnownFiles,
  encodeKnownFiles,
  KNOWN_FILES_SIZE,
  type KnownFile,
  UNKNOWN_FILE,
} from '../message/known-files.ts';
import { type SlotSet, setAdd, setCount, setRemove } from '../std/bitset.ts';
import { Op } from '../std/numbers.ts';

/**
 * What a replica durably knows of its peers' data files, and they of its own (rule
 * introduced-before-promising). A file that was formatted anew has forgotten what the old one
 * promised: were it counted, two replicas could commit what a third had acknowledged otherwise.
 */
export interface Introductions {
  /** By slot, SLOT_COUNT of them; this replica's own is here too. */
  readonly files: readonly KnownFile[];
  /** Peers that have said that they durably know this file. Only grows. */
  readonly knownBy: SlotSet;
}

/** Bytes of an encoded Introductions. */
export const INTRODUCTIONS_SIZE: number = 8 + KNOWN_FILES_SIZE;

/** What a file knows when it is made: itself, and whatever it is told of the others, by slot. */
export function firstIntroductions(
  slot: number,
  self: KnownFile,
  told: readonly KnownFile[] = [],
): Introductions {
  const files = Array.from({ length: SLOT_COUNT }, (_, other) => told[other] ?? UNKNOWN_FILE);
  files[slot] = self;
  return { files, knownBy: 0 };
}

/**
 * Replicas that have all met: for files that were made together, and count from op `since` on, and
 * for tests and simulations that begin after that.
 */
export function mutualIntroductions(
  slot: number,
  incarnations: readonly bigint[],
  since: Op = Op(0),
): Introductions {
  const files = Array.from({ length: SLOT_COUNT }, (_, peer) => ({
    incarnation: incarnations[peer] ?? 0n,
    since: peer < incarnations.length ? since : Op(0),
  }));
  let knownBy = 0;
  for (let peer = 0; peer < incarnations.length; peer += 1) {
    if (peer !== slot) knownBy = setAdd(knownBy, peer);
  }
  return { files, knownBy };
}

/** The file of a slot. */
export function fileOf(introductions: Introductions, slot: number): KnownFile {
  const file = introductions.files[slot];
  assert(file !== undefined, 'slot in range');
  return file;
}

/** With another file in a slot. */
export function withFile(
  introductions: Introductions,
  slot: number,
  file: KnownFile,
): Introductions {
  assert(file.incarnation !== 0n, 'a file has a number');
  assert(file.since >= fileOf(introductions, slot).since, 'no file comes back');
  const files = introductions.files.map((old, other) => (other === slot ? file : old));
  return { ...introductions, files };
}

/**
 * Whether enough others have said that they durably know this file. A member's first file needs
 * every other voter. One that took the place of a lost one, by an op that a quorum has committed,
 * needs a replication quorum of them: whoever counts the lost one from then on, for a view change,
 * counts one of these too (rule recover-by-op). In a cluster of one or two, which has no such
 * quorum, nothing takes the place of a lost file: one that is numbered like that began with the
 * state of another cluster, and all others know it.
 */
export function isKnownByEnough(
  introductions: Introductions,
  options: { readonly self: number; readonly voters: SlotSet; readonly replication: number },
): boolean {
  const { self, voters, replication } = options;
  const others = setRemove(voters, self);
  const known = setCount(introductions.knownBy & others);
  const all = setCount(others);
  const recovered = fileOf(introductions, self).since > 0;
  return known >= (recovered ? Math.min(replication, all) : all);
}

/** INTRODUCTIONS_SIZE bytes: knownBy, then the files of all slots. */
export function encodeIntroductions({ files, knownBy }: Introductions): Uint8Array {
  const bytes = new Uint8Array(INTRODUCTIONS_SIZE);
  new DataView(bytes.buffer).setUint16(0, knownBy, true);
  bytes.set(encodeKnownFiles(files), 8);
  return bytes;
}

/** Null when a number is out of range. Integrity is the caller's. */
export function decodeIntroductions(bytes: Uint8Array): Introductions | null {
  assert(bytes.length === INTRODUCTIONS_SIZE, 'all of it');
  const files = decodeKnownFiles(bytes.subarray(8));
  if (files === null) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { files, knownBy: view.getUint16(0, true) };
}
