import { hex128, sha256 } from '@kimberlite/server';
import { checkpointId, type TreeContent, zoneOffset } from '@kimberlite/vsr';
import type { ProgressLine } from '../progress.ts';
import { anyReaderOf, type DataFileReader, type RawFile } from './data-file-reader.ts';
import { type Finding, type FindingSink, type Repair, repairOfLoss } from './finding.ts';
import { checkChain, checkSlots } from './log-check.ts';
import { readFoundLog } from './log-reader.ts';
import { readTree } from './read-tree.ts';
import { checkSuperblock } from './superblock-check.ts';

/** What was looked at, and found. */
export interface IntegrityResult {
  readonly damages: number;
  readonly notes: number;
  readonly report: Readonly<Record<string, unknown>>;
}

/**
 * Checks all of a data file that a replica would believe: the copies of the superblock and their
 * chain, every slot of the log with header, body and hash chain, and every block of the checkpoint.
 * Free space is not looked at. Throws CliError where no copy of the superblock is valid: then not
 * even the places of the rest are known.
 */
export function checkIntegrity(
  raw: RawFile,
  tell: FindingSink,
  progress: ProgressLine,
): IntegrityResult {
  let damages = 0;
  let notes = 0;
  const file = anyReaderOf(raw);
  const onFinding: FindingSink = (finding) => {
    if (finding.severity === 'damage') damages += 1;
    else notes += 1;
    progress.clear();
    tell({ ...finding, repair: possibleRepair(file, finding) });
  };
  checkSuperblock(file, onFinding);
  checkSize(file, onFinding);
  const log = readFoundLog(file, (done, total) => progress.show('log', done, total));
  checkSlots(file, log, onFinding);
  checkChain(file, log, onFinding);
  const tree = checkTree(file, onFinding, progress);
  progress.clear();
  const { checkpoint, identity } = file.chosen.state;
  return {
    damages,
    notes,
    report: {
      data_file: file.path,
      cluster: identity.cluster.toString(),
      replica: identity.slot,
      sequence: file.chosen.state.sequence,
      checkpoint_op: checkpoint.op,
      checkpoint_id: hex128(checkpointId(checkpoint, sha256)),
      head_op: log.recovered.head,
      wal_slots: log.slots.length,
      blocks: tree?.blockCount ?? null,
      damages,
      notes,
    },
  };
}

/** No replica runs on a file that a start refuses, and so nothing is repaired in it. */
function possibleRepair(file: DataFileReader, { repair }: Finding): Repair {
  if (file.superblockFault === null && bytesMissing(file) === 0) return repair;
  if (repair === 'reuse') return 'not_needed';
  return repair === 'start' || repair === 'peers'
    ? repairOfLoss(file.chosen.state.identity)
    : repair;
}

/** Bytes that the superblock and the log have too little. */
function bytesMissing(file: DataFileReader): number {
  return Math.max(0, zoneOffset(file.config, 'blocks') - file.size);
}

function checkSize(file: DataFileReader, onFinding: FindingSink): void {
  const missing = bytesMissing(file);
  if (missing === 0) return;
  onFinding({
    severity: 'damage',
    zone: 'file',
    place: null,
    offset: file.size,
    op: null,
    problem: `it ends here, ${missing} bytes too early: a replica refuses to start`,
    repair: repairOfLoss(file.chosen.state.identity),
  });
}

/** Every block, and the order of the keys in every page; null where the metadata is lost. */
function checkTree(
  file: DataFileReader,
  onFinding: FindingSink,
  progress: ProgressLine,
): TreeContent | null {
  const { identity } = file.chosen.state;
  const { blockSize } = file.config;
  let done = 0;
  return readTree(file, {
    onBlock: (_address, total) => {
      done += 1;
      progress.show('blocks', done, total);
    },
    onFault: ({ address, problem, rotten }) => {
      const start = zoneOffset(file.config, 'blocks');
      onFinding({
        severity: 'damage',
        zone: 'blocks',
        place: address,
        offset: address === null ? null : start + (address - 1) * blockSize,
        op: null,
        problem,
        // What was never right is the same on every replica that holds this checkpoint.
        repair: rotten && identity.replicaCount > 1 ? 'peers' : repairOfLoss(identity),
      });
    },
  });
}
