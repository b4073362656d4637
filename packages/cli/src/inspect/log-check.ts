import { type ClusterConfig, unreachable } from '@kimberlite/vsr';
import type { DataFileReader } from './data-file-reader.ts';
import { type Finding, type FindingSink, type Repair, slotOffset } from './finding.ts';
import { entryOf, type FoundLog, type FoundSlot, slotOf } from './log-reader.ts';

/** What is said of the slots, one by one. */
export function checkSlots(file: DataFileReader, log: FoundLog, onFinding: FindingSink): void {
  const { config } = file;
  const checkpointOp = file.chosen.state.checkpoint.op;
  const solo = file.chosen.state.identity.replicaCount === 1;
  for (const [slot, found] of log.slots.entries()) {
    for (const finding of slotFindings({ config, checkpointOp, solo, log, slot, found })) {
      onFinding(finding);
    }
  }
  if (log.recovered.headCertain) return;
  onFinding({
    severity: 'damage',
    zone: 'log',
    place: null,
    offset: null,
    op: log.recovered.head,
    problem: 'what is unreadable may hide an op above this one: the head is uncertain',
    repair: solo ? 'backup' : 'peers',
  });
}

interface SlotCheck {
  readonly config: ClusterConfig;
  readonly checkpointOp: number;
  readonly solo: boolean;
  readonly log: FoundLog;
  readonly slot: number;
  readonly found: FoundSlot;
}

function slotFindings(check: SlotCheck): Finding[] {
  const decision = check.log.recovered.decisions[check.slot];
  switch (decision) {
    case undefined:
    case 'nil':
      return [];
    case 'eql':
      return check.found.prepare.part === 'bad' ? [coveredFinding(check)] : [];
    case 'fix':
      return [headerFinding(check, 'start')];
    case 'cut':
      return [prepareFinding(check, 'damage', 'start', 'it is beyond what this log may hold')];
    case 'torn':
      return [prepareFinding(check, 'note', 'not_needed', tornText(check))];
    case 'vsr':
    case 'refuse':
      return unknownFindings(check);
    default:
      return unreachable(decision);
  }
}

function tornText({ found }: SlotCheck): string {
  return `an unfinished write, or rot where nothing is needed (${found.prepare.fault})`;
}

/** A checkpoint has what the op did. */
function coveredFinding(check: SlotCheck): Finding {
  return prepareFinding(check, 'note', 'reuse', check.found.prepare.fault ?? '');
}

/** Only peers can tell what stood here, unless a checkpoint covers it anyway. */
function unknownFindings(check: SlotCheck): Finding[] {
  const { found, checkpointOp, solo } = check;
  const repair: Repair = solo ? 'backup' : 'peers';
  const header = entryOf(found.header);
  const prepare = entryOf(found.prepare);
  if (found.prepare.part === 'bad' && header !== null && header.header.op <= checkpointOp) {
    return [coveredFinding(check)];
  }
  const findings: Finding[] = [];
  if (found.header.part === 'bad') {
    const covered = prepare !== null && prepare.header.op <= checkpointOp;
    findings.push(headerFinding(check, covered ? 'reuse' : repair));
  }
  if (found.prepare.part === 'bad') {
    findings.push(prepareFinding(check, 'damage', repair, found.prepare.fault ?? ''));
  }
  if (findings.length === 0) {
    findings.push(prepareFinding(check, 'damage', repair, 'its header is of another op'));
  }
  return findings;
}

function headerFinding(check: SlotCheck, repair: Repair): Finding {
  const { config, slot, found } = check;
  const op = entryOf(found.header) ?? entryOf(found.prepare);
  return {
    severity: found.header.part === 'bad' ? 'damage' : 'note',
    zone: 'wal_headers',
    place: slot,
    offset: slotOffset(config, 'wal_headers', slot),
    op: op?.header.op ?? null,
    problem: found.header.fault ?? 'it was not yet written when the process ended',
    repair,
  };
}

function prepareFinding(
  check: SlotCheck,
  severity: Finding['severity'],
  repair: Repair,
  problem: string,
): Finding {
  const { config, slot, found } = check;
  const op = entryOf(found.prepare) ?? entryOf(found.header);
  return {
    severity,
    zone: 'wal_prepares',
    place: slot,
    offset: slotOffset(config, 'wal_prepares', slot),
    op: op?.header.op ?? null,
    problem,
    repair,
  };
}

/** A link of the hash chain that does not hold. */
export interface BrokenLink {
  readonly op: number;
  readonly slot: number;
  readonly problem: string;
  /**
   * `missing`: it may never have been written here. `unreadable`: something stands in its place.
   * `astray`: it is whole, and names another op before it.
   */
  readonly kind: 'missing' | 'unreadable' | 'astray';
}

/**
 * Follows the hash chain of the log from the checkpoint to the head and yields what breaks it, in
 * the order of ops: each prepare names the checksum of the one before, and the checkpoint names
 * that of its own op.
 */
export function* brokenLinks(
  file: DataFileReader,
  log: FoundLog,
): Generator<BrokenLink, void, undefined> {
  const { checkpoint } = file.chosen.state;
  let parent: bigint | null = checkpoint.prepareChecksum;
  for (let op = checkpoint.op + 1; op <= log.recovered.head; op += 1) {
    const slot = slotOf(file.config, op);
    const recovered = log.recovered.slots[slot];
    const entry = recovered?.entry ?? null;
    const faulty = recovered?.faulty === true;
    const kind = faulty ? 'unreadable' : 'missing';
    if (entry === null || entry.header.op !== op) {
      yield { op, slot, problem: faulty ? 'it is unreadable' : 'it is not here', kind };
      parent = null;
      continue;
    }
    const { header } = entry;
    if (parent !== null && header.parent !== parent) {
      yield { op, slot, problem: `it does not follow op ${op - 1}`, kind: 'astray' };
    }
    const found = log.slots[slot];
    const body = found === undefined ? null : entryOf(found.prepare);
    if (body?.header.checksum !== header.checksum) {
      const problem = faulty ? 'its body is unreadable' : 'its body is not here';
      yield { op, slot, problem, kind };
    }
    parent = header.checksum;
  }
}

/** The links that are broken, as findings; those that `checkSlots` has not told already. */
export function checkChain(file: DataFileReader, log: FoundLog, onFinding: FindingSink): void {
  const solo = file.chosen.state.identity.replicaCount === 1;
  for (const { op, slot, problem, kind } of brokenLinks(file, log)) {
    if (kind === 'unreadable') continue;
    onFinding({
      // A backup that was behind or was stopped in the middle lacks ops, and gets them.
      severity: kind === 'missing' ? 'note' : 'damage',
      zone: 'log',
      place: slot,
      offset: slotOffset(file.config, 'wal_prepares', slot),
      op,
      problem: `the chain of the log is broken: ${problem}`,
      repair: solo ? 'backup' : 'peers',
    });
  }
}
