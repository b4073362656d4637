import { SLOT_COUNT } from '../../membership.ts';
import { decodeKnownFiles, encodeKnownFiles, type KnownFile } from '../../message/known-files.ts';
import type { Message } from '../../message/message.ts';
import { fileOf, withFile } from '../../superblock/introductions.ts';
import { updateSuperblock } from '../checkpoint/superblock-update.ts';
import type { Replica } from '../replica.ts';
import { goesByWords } from './introduce.ts';
import { adoptFile } from './recover-op.ts';

/*
 * Rule told-by-two. Pongs say which files took the place of lost ones, and a replica takes one for
 * the member's when two peers say the same of it, whoever they are to it so far; one of them may be
 * that file itself. It need not have executed the op: that the op is committed is so, whoever tells
 * of it, and to go by it earlier than others harms nothing (rule recover-by-op). One peer may lie,
 * and could make it deaf to a living member for good; of any quorum two others know. Otherwise: a
 * member is away while another's file is replaced; the new file leads, and the member takes no word
 * from it, not even the log that would tell of it; or only new files are left beside it.
 *
 * A file that took the place of a lost one itself goes by such words for first files too: it has
 * forgotten whom the lost one had met, and who pings first from a slot may be a lost file, or one
 * that somebody formatted in a member's place. Noted, it could never be put right.
 */

/** The body of a pong: what this replica durably knows of files; none before one was replaced. */
export function toldFiles(r: Replica): Uint8Array | null {
  const { files } = r.superblock.durable.introductions;
  return files.some(({ since }) => since > 0) ? encodeKnownFiles(files) : null;
}

/** Notes what a peer tells, and takes what another one told too. */
export function hearFiles(r: Replica, { header, body }: Message<'pong'>): void {
  // What it says to this file in this life: of late answers the denials that go with them are lost.
  if (header.pingIncarnation !== r.incarnation || header.pingLife !== r.life) return;
  const told = decodeKnownFiles(body);
  if (told === null) {
    // Nothing was replaced yet, as far as this peer knows; another file may have spoken before it.
    r.filesTold.delete(header.replica);
    return;
  }
  r.filesTold.set(header.replica, told);
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    // Of its own file others can deny that it is the member's; they do not say so in passing.
    const file = told[slot];
    if (slot === r.slot || file === undefined || !isNews(r, slot, file)) continue;
    if (isToldByAnother(r, header.replica, slot, file)) take(r, slot, file);
  }
}

function isNews(r: Replica, slot: number, { incarnation, since }: KnownFile): boolean {
  if (incarnation === 0n) return false;
  const known = fileOf(r.introductions, slot);
  if (since > 0) return since > known.since;
  return known.incarnation === 0n && goesByWords(r);
}

function isToldByAnother(r: Replica, teller: number, slot: number, file: KnownFile): boolean {
  for (const [other, files] of r.filesTold) {
    const same = files[slot];
    if (other === teller || same === undefined) continue;
    if (same.incarnation === file.incarnation && same.since === file.since) return true;
  }
  return false;
}

function take(r: Replica, slot: number, file: KnownFile): void {
  if (file.since > 0) {
    adoptFile(r, slot, file);
    return;
  }
  r.introductions = withFile(r.introductions, slot, file);
  updateSuperblock(r);
}
