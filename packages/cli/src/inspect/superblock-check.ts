import { SUPERBLOCK_COPY_SIZE, type SuperblockCopy, type SuperblockFault } from '@kimberlite/vsr';
import type { DataFileReader } from './data-file-reader.ts';
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

/** Judges the four copies and their chain. */
export function checkSuperblock(file: DataFileReader, onFinding: FindingSink): void {
  const { copies, chosen, superblockFault } = file;
  const loss: Repair = repairOfLoss(chosen.state.identity);
  if (superblockFault !== null) {
    onFinding({
      severity: 'damage',
      zone: 'superblock',
      place: null,
      offset: null,
      op: null,
      problem: `${FAULTS[superblockFault]}: a replica refuses to start on it (${superblockFault})`,
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
      repair: superblockFault === null ? 'start' : loss,
    });
  }
}

/** How a valid copy stands to the chosen one; null for one that is the same. */
export function copyAge(
  { checksum, state }: SuperblockCopy,
  chosen: SuperblockCopy,
): 'older' | 'newer' | 'different' | null {
  if (checksum === chosen.checksum) return null;
  if (state.sequence === chosen.state.sequence) return 'different';
  return state.sequence < chosen.state.sequence ? 'older' : 'newer';
}

function copyProblem(
  found: SuperblockCopy | null,
  chosen: SuperblockCopy,
): { readonly severity: 'damage' | 'note'; readonly text: string } | null {
  if (found === null) return { severity: 'damage', text: 'it is no valid copy' };
  const age = copyAge(found, chosen);
  if (age === null) return null;
  const { sequence } = found.state;
  if (age === 'different') {
    return { severity: 'damage', text: `it has other contents under sequence ${sequence}` };
  }
  const writes = Math.abs(chosen.state.sequence - sequence);
  // Copies are written one after another: a process that ends between two leaves both.
  if (writes === 1) {
    return { severity: 'note', text: `it is ${age} by one write (sequence ${sequence})` };
  }
  return { severity: 'damage', text: `it is ${age} by ${writes} writes (sequence ${sequence})` };
}
