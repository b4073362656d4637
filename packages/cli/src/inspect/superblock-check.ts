import {
  SUPERBLOCK_COPY_SIZE,
  type SuperblockCopy,
  type SuperblockFault,
  selectSuperblock,
} from '@kimberlite/vsr';
import { type FindingSink, type Repair, repairOfLoss } from './finding.ts';

/** What is wrong with the superblock as a whole, for people. */
const FAULTS: Readonly<Record<SuperblockFault, string>> = {
  not_found: 'no copy is valid',
  quorum_lost: 'no two copies are alike',
  fork: 'two copies have one sequence number and different contents',
  parent_not_connected: 'the newest copy does not follow the one before',
  parent_skipped: 'a copy is newer by more than one write',
  not_monotonic: 'the newest copy goes back behind the one before',
};

/**
 * Judges the four copies and their chain. Returns the copy to go on with: the one that a start
 * would choose, or, where a start would refuse, the newest that is valid; null where none is.
 */
export function checkSuperblock(
  copies: readonly (SuperblockCopy | null)[],
  onFinding: FindingSink,
): SuperblockCopy | null {
  const selected = selectSuperblock(copies);
  const refused = typeof selected === 'string';
  const chosen = refused ? newestOf(copies) : selected;
  const loss: Repair = chosen === null ? 'backup' : repairOfLoss(chosen.state.identity);
  if (refused) {
    onFinding({
      severity: 'damage',
      zone: 'superblock',
      place: null,
      offset: null,
      op: null,
      problem: `${FAULTS[selected]}: a replica refuses to start on it (${selected})`,
      repair: loss,
    });
  }
  for (const [copy, found] of copies.entries()) {
    const problem = copyProblem(found, chosen);
    if (problem === null) continue;
    onFinding({
      severity: problem.severity,
      zone: 'superblock',
      place: copy,
      offset: copy * SUPERBLOCK_COPY_SIZE,
      op: null,
      problem: problem.text,
      repair: refused ? loss : 'start',
    });
  }
  return chosen;
}

function newestOf(copies: readonly (SuperblockCopy | null)[]): SuperblockCopy | null {
  let newest: SuperblockCopy | null = null;
  for (const copy of copies) {
    if (copy === null) continue;
    if (newest === null || copy.state.sequence > newest.state.sequence) newest = copy;
  }
  return newest;
}

function copyProblem(
  found: SuperblockCopy | null,
  chosen: SuperblockCopy | null,
): { readonly severity: 'damage' | 'note'; readonly text: string } | null {
  if (found === null || chosen === null) {
    return { severity: 'damage', text: 'it is no valid copy' };
  }
  if (found.checksum === chosen.checksum) return null;
  const { sequence } = found.state;
  const behind = chosen.state.sequence - sequence;
  // Copies are written one after another: a process that ends between two leaves both.
  if (behind === 1 || behind === -1) {
    const age = behind === 1 ? 'older' : 'newer';
    return { severity: 'note', text: `it is ${age} by one write (sequence ${sequence})` };
  }
  return { severity: 'damage', text: `it has sequence ${sequence}, ${behind} writes behind` };
}
