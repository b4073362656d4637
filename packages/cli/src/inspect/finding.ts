import {
  type ClusterConfig,
  HEADER_SIZE,
  RECOVERY_VOTERS_MIN,
  type Zone,
  zoneOffset,
} from '@kimberlite/vsr';

/** What puts right what was found. */
export type Repair =
  /** The replica itself, at its next start. */
  | 'start'
  /** Its peers, while it runs. */
  | 'peers'
  /** Nobody needs what stands there. */
  | 'not_needed'
  /** The op that comes next to this slot of the log. */
  | 'reuse'
  /** Nothing on this file: the others of the cluster do without it, and fill a new one. */
  | 'replacement'
  /** Nothing on this file, and the cluster cannot do without it. */
  | 'backup';

const REPAIRS: Readonly<Record<Repair, string>> = {
  start: 'repaired by the replica itself at its next start',
  peers: 'repaired by its peers while it runs',
  not_needed: 'needs no repair: nothing there is in use',
  reuse: 'written over when the log comes round to it; nothing there is in use',
  replacement:
    'nothing repairs it in this file: `kimberlite recover` makes a file that takes its place, ' +
    'while the others are a quorum',
  backup:
    'nothing repairs it in this file, and a cluster of one or two cannot do without it: ' +
    'restore a backup, or make a new cluster of the other one (`recover --from-survivor`)',
};

/** What puts right what nothing on this file can. */
export function repairOfLoss({ replicaCount }: { readonly replicaCount: number }): Repair {
  return replicaCount >= RECOVERY_VOTERS_MIN ? 'replacement' : 'backup';
}

/** One thing that is not as it was written, or not finished. */
export interface Finding {
  /** A `note` is what a crash leaves, or what nobody needs; it is no damage. */
  readonly severity: 'damage' | 'note';
  /** `log` is what the two zones of the log say together. */
  readonly zone: Zone | 'file' | 'log';
  /** Copy of the superblock, slot of the log, or address of the block; null for no one place. */
  readonly place: number | null;
  /** Byte in the file, or null. */
  readonly offset: number | null;
  readonly op: number | null;
  readonly problem: string;
  readonly repair: Repair;
}

/** Takes findings as they come. */
export type FindingSink = (finding: Finding) => void;

/** What the numbers of a zone count. */
const PLACES: Readonly<Record<Finding['zone'], string>> = {
  superblock: 'copy',
  wal_headers: 'slot',
  wal_prepares: 'slot',
  blocks: 'block',
  log: 'slot',
  file: 'part',
};

/** One line. */
export function findingText(finding: Finding): string {
  const { severity, zone, place, offset, op, problem, repair } = finding;
  const where = [
    place === null ? zone : `${zone} ${PLACES[zone]} ${place}`,
    ...(op === null ? [] : [`op ${op}`]),
    ...(offset === null ? [] : [`byte ${offset}`]),
  ];
  return `${severity}  ${where.join(', ')}: ${problem}; ${REPAIRS[repair]}\n`;
}

/** A line for each kind, with how many there are; nothing where none has two findings. */
export function kindsText(findings: readonly Finding[]): string {
  const kinds = new Map<string, { readonly first: Finding; count: number }>();
  for (const finding of findings) {
    const { severity, zone, problem, repair } = finding;
    const kind = [severity, zone, problem, repair].join('\n');
    const known = kinds.get(kind);
    if (known === undefined) kinds.set(kind, { first: finding, count: 1 });
    else known.count += 1;
  }
  if (kinds.size === findings.length) return '';
  const lines = [...kinds.values()].map(({ first, count }) => {
    const { severity, zone, problem, repair } = first;
    return `${String(count).padStart(6)}  ${severity}  ${zone}: ${problem}; ${REPAIRS[repair]}\n`;
  });
  return `In sum:\n${lines.join('')}\nOne by one:\n`;
}

/** A finding as JSON. */
export function findingJson(finding: Finding): Readonly<Record<string, unknown>> {
  const { repair, ...rest } = finding;
  return { ...rest, repaired_by: repair };
}

/** Byte of the file where a slot of the log begins. */
export function slotOffset(
  config: ClusterConfig,
  zone: 'wal_headers' | 'wal_prepares',
  slot: number,
): number {
  const size = zone === 'wal_headers' ? HEADER_SIZE : config.messageSizeMax;
  return zoneOffset(config, zone) + slot * size;
}
