import { RECOVERY_VOTERS_MIN } from '../../membership.ts';
import type { KnownFile } from '../../message/known-files.ts';
import { decodeRecovery, encodeRecovered, RECOVERED_SIZE } from '../../message/recover-body.ts';
import { setHas, setRemove } from '../../std/bitset.ts';
import type { Op } from '../../std/numbers.ts';
import { fileOf, withFile } from '../../superblock/introductions.ts';
import { updateSuperblock } from '../checkpoint/superblock-update.ts';
import { isHeardInView } from '../liveness/heard.ts';
import type { Replica } from '../replica.ts';
import { fatal, trace } from '../report.ts';
import { noPromise } from './promise.ts';

/** Whether it is one at all: a pure function of the bytes and the membership. */
export function isRecoveryValid(r: Replica, body: Uint8Array): boolean {
  const recovery = decodeRecovery(body);
  if (recovery === null || r.replicaCount < RECOVERY_VOTERS_MIN) return false;
  return setHas(r.voters, recovery.slot);
}

/**
 * Whether the primary must not give it a place in the log yet: a member that is heard is not lost,
 * and its file still keeps its promises. Not a refusal, which would be for good.
 */
export function isMemberAlive(r: Replica, body: Uint8Array): boolean {
  const recovery = decodeRecovery(body);
  if (recovery === null) return false;
  const { slot, incarnation } = recovery;
  if (fileOf(r.introductions, slot).incarnation === incarnation) return false;
  // One whose view change does not end lives, though the primary does not count on it.
  const ticks = r.timers.ticks('abdicate');
  if (slot === r.slot || isHeardInView(r, slot, ticks)) return true;
  return r.tick - (r.heardAt[slot] ?? Number.NEGATIVE_INFINITY) <= ticks;
}

/**
 * Executes a `recover` (rule recover-by-op): from this op on the new file is the member's, and the
 * old one is not. Asked again with the same file it changes nothing. One op names one file of a
 * slot: of two that count since the same op nobody could tell which is the newer, and who executed
 * the op would know another one than who fetched the state. The answer is what the new file is born
 * with.
 */
export function executeRecovery(r: Replica, op: Op, body: Uint8Array): Uint8Array {
  const recovery = decodeRecovery(body);
  if (recovery === null || !isRecoveryValid(r, body)) return new Uint8Array(RECOVERED_SIZE);
  const { slot, incarnation } = recovery;
  let file = r.replacedFiles.get(slot);
  if (file?.incarnation !== incarnation) {
    if (file?.since === op) return new Uint8Array(RECOVERED_SIZE);
    file = { incarnation, since: op };
    r.replacedFiles.put(slot, file);
    adoptFile(r, slot, file);
  }
  return encodeRecovered({ since: file.since, files: r.replacedFiles.all() });
}

/**
 * Executes a `forget_files`. The files that a cluster made of this state begins with are its
 * members' from its birth on; one recovered there knows nobody, and would take a file of the old
 * cluster for that of a living peer, to which it were then deaf for ever. Among several replicas
 * it does nothing: they need what they know.
 */
export function forgetFiles(r: Replica): void {
  if (r.replicaCount === 1) r.replacedFiles.clear();
}

/** The state was loaded: it may know of files that this replica has not heard of. */
export function adoptFiles(r: Replica): void {
  for (let slot = 0; slot < r.replicaCount; slot += 1) {
    const file = r.replacedFiles.get(slot);
    if (file !== null) adoptFile(r, slot, file);
  }
}

/** Takes a file that took the place of a lost one for the member's. */
export function adoptFile(r: Replica, slot: number, file: KnownFile): void {
  const known = fileOf(r.introductions, slot);
  if (known.since >= file.since) return;
  if (known.incarnation !== file.incarnation) {
    if (slot === r.slot) {
      fatal(r, 'other_incarnation');
      return;
    }
    // What the old file promised or voted for is void, and the new one has not spoken yet. That the
    // slot has greeted stands: this file is the one it answered. Asked again, the new one could
    // remember more than this life of the process began with, and seem to deny it.
    r.promises[slot] = noPromise();
    r.viewChange.dvcs.delete(slot);
    r.viewChange.votes = setRemove(r.viewChange.votes, slot);
    trace(r, { kind: 'recovered', peer: slot, op: file.since });
  }
  r.introductions = withFile(r.introductions, slot, file);
  updateSuperblock(r);
}
