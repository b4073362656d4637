import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

/** What went wrong, by name; stable. */
export type ErrorCode =
  | 'configuration_invalid'
  | 'port_in_use'
  | 'address_unavailable'
  | 'data_file_missing'
  | 'data_file_exists'
  | 'data_file_incomplete'
  | 'data_file_truncated'
  | 'data_file_foreign'
  | 'data_file_damaged'
  | 'data_file_wrong_replica'
  | 'data_file_wrong_cluster'
  | 'data_file_locked'
  | 'permission_denied'
  | 'disk_full'
  | 'write_failed'
  | 'io_failed'
  | 'disk_without_sync'
  | 'diverged'
  | 'data_file_replaced'
  | 'data_file_rolled_back'
  | 'state_machine_failed'
  | 'wrong_state_machine'
  | 'data_file_wrong_sizes'
  | 'data_file_unfinished'
  | 'recover_unfinished'
  | 'internal';

export interface ErrorEntry {
  /** Of a process that ends because of it. */
  readonly exitCode: number;
  readonly summary: string;
  /** What to do next, and what was not harmed. */
  readonly remedy: string;
}

/** Where the others of the cluster cannot do without the file. */
const OF_FEW =
  'With two, `kimberlite recover --from-survivor` makes a new cluster of the other file; with ' +
  'one, restore a backup.';
/** The way back for a replica without its file. */
const KEEP_OTHERS =
  'Keep the others running, they go on as long as they are a quorum; of three replicas or more, ' +
  `\`kimberlite recover\` makes a file that takes the place of the lost one. ${OF_FEW}`;
/**
 * For a file that cannot be used: what to do, and then what must never be done, for a second life
 * of a replica that has forgotten its first loses writes.
 */
const LOST =
  'Bring back its disk as it was; or, of three replicas or more, keep the others running and let ' +
  `\`kimberlite recover\` make a file that takes its place. ${OF_FEW} A replica that has run ` +
  'must not be formatted again: it would have forgotten what it acknowledged, and writes could ' +
  'be lost.';

/**
 * Every way in which the server refuses or gives up, with what the person who reads it can do.
 * docs/errors.md is the same table for people; a test compares the two.
 */
export const ERRORS: Readonly<Record<ErrorCode, ErrorEntry>> = {
  configuration_invalid: {
    exitCode: 10,
    summary: 'The configuration has an unknown key, a bad value or lacks a key.',
    remedy: 'Correct the named key; nothing was started or changed.',
  },
  port_in_use: {
    exitCode: 11,
    summary: 'Another process listens on an address of this replica.',
    remedy: 'Stop that process or choose another port; the data file was not touched.',
  },
  address_unavailable: {
    exitCode: 12,
    summary: 'An address cannot be listened on: unknown host, not of this machine, or reserved.',
    remedy: 'Choose an address of this machine and a port that this user may open.',
  },
  data_file_missing: {
    exitCode: 20,
    summary: 'There is no data file at the path.',
    remedy: `Check data-file. ${LOST} One that has never run is to be formatted first.`,
  },
  data_file_exists: {
    exitCode: 21,
    summary: 'Format was asked for, but a file is already there.',
    remedy:
      'The file was not touched. Start it, or choose another path; never format over a replica.',
  },
  data_file_incomplete: {
    exitCode: 22,
    summary:
      'Formatting of the file was interrupted: it has no superblock, and no op was ever written to it.',
    remedy: `The file was not touched. ${LOST} Where it has never run, remove the file and format it.`,
  },
  data_file_truncated: {
    exitCode: 23,
    summary: 'The file is shorter than its sizes say: a part was cut off.',
    remedy: `The file was not touched. ${LOST}`,
  },
  data_file_foreign: {
    exitCode: 24,
    summary: 'The file is not a data file of this program, or one of another format version.',
    remedy: `The file was not touched. Check data-file. ${LOST}`,
  },
  data_file_damaged: {
    exitCode: 25,
    summary:
      'Too few intact copies of the superblock, or a log or a checkpoint that nobody can prove ' +
      'whole: the file cannot be trusted.',
    remedy: `Keep a copy of the file. ${LOST}`,
  },
  data_file_wrong_replica: {
    exitCode: 26,
    summary: 'The file belongs to another replica of the cluster.',
    remedy:
      'The file was not touched. Start each replica with its own file: check replica and data-file.',
  },
  data_file_wrong_cluster: {
    exitCode: 27,
    summary: 'The file belongs to another cluster, or to one of another number of replicas.',
    remedy: 'The file was not touched. Check cluster, addresses and data-file.',
  },
  data_file_locked: {
    exitCode: 28,
    summary: 'Another process has the data file open.',
    remedy: 'Stop the other process first; two replicas on one file would destroy it.',
  },
  permission_denied: {
    exitCode: 29,
    summary: 'The file or its directory may not be read or written by this user, or is read-only.',
    remedy: 'Give this user read and write permission; nothing was changed.',
  },
  disk_full: {
    exitCode: 30,
    summary: 'No space is left on the device, or a quota is used up.',
    remedy: 'Free space and try again; what was acknowledged is safe.',
  },
  write_failed: {
    exitCode: 31,
    summary: 'The device refused a write or a sync.',
    remedy:
      'What was acknowledged is safe on a quorum. Check the device, then start again: a start believes only what a checksum confirms.',
  },
  io_failed: {
    exitCode: 32,
    summary: 'The file cannot be opened or read.',
    remedy: 'Check the path and the device.',
  },
  disk_without_sync: {
    exitCode: 33,
    summary: 'The file system offers no synchronous writes, so nothing on it could be promised.',
    remedy: 'Put the data file on a local file system such as ext4 or XFS.',
  },
  diverged: {
    exitCode: 34,
    summary: 'The state of this replica differs from that of its peers after the same ops.',
    remedy:
      'It stopped before it could answer wrongly. Keep the file and leave this replica stopped; ' +
      `do not format it again. ${KEEP_OTHERS}`,
  },
  data_file_replaced: {
    exitCode: 35,
    summary:
      'Peers know another file as this member: this one was formatted in its place, ' +
      'or has been replaced.',
    remedy:
      'It stopped before it could do harm, and nothing was lost. A file that `recover` has ' +
      'replaced: start the member with the new file, and destroy this one. One that was ' +
      "formatted in the member's place: start the member with its own file; if that is " +
      'lost, remove this one, and let `kimberlite recover` make one. In a cluster that ' +
      'never served, format all replicas anew.',
  },
  data_file_rolled_back: {
    exitCode: 36,
    summary:
      'The file is an old copy: peers remember a promise of this member that the file does not hold.',
    remedy:
      'It stopped before it could do harm. Start the member with its newest file; never put an ' +
      `older copy in its place. ${KEEP_OTHERS}`,
  },
  state_machine_failed: {
    exitCode: 37,
    summary: 'The state machine threw, or did what it may not do.',
    remedy:
      'Nothing acknowledged is lost. An op that `execute` cannot execute is in the log, and ' +
      'stops each replica alike until it can; a request that `validate`, or a query that ' +
      '`query`, cannot take is in no log: correct the machine, on all replicas the same, and ' +
      'start them again on their files. If it is not your own machine, report it with the lines ' +
      'above.',
  },
  wrong_state_machine: {
    exitCode: 38,
    summary: 'The data file or the backup is one of another state machine than this program runs.',
    remedy:
      'Nothing was touched. Use it with the program that made it; `kimberlite` by itself runs ' +
      'the built-in kernel. A machine keeps its name and its tables for ever.',
  },
  data_file_wrong_sizes: {
    exitCode: 39,
    summary:
      'The file was formatted with other sizes, or for another number of replicas, than those of ' +
      'so many peers that this replica can be in no quorum.',
    remedy:
      'Nothing was sent or lost; the others go on while they are a quorum. Start the member with ' +
      'its own file. If it has never run, remove this one and format it with the sizes of the ' +
      'others, which `kimberlite inspect superblock` shows; if its own file is lost, remove this ' +
      'one and let `kimberlite recover` make one.',
  },
  data_file_unfinished: {
    exitCode: 40,
    summary: 'Files are there that an interrupted restore, verification or `recover` has left.',
    remedy: 'Nothing was touched. Nothing depends on them: delete them, and run the command again.',
  },
  recover_unfinished: {
    exitCode: 41,
    summary:
      "`recover` has asked the cluster to put a new file in the place of a member's, and could " +
      'not finish that file.',
    remedy:
      'Nothing acknowledged is lost, and the others go on. The file that the member had before ' +
      'does not count any more, or may not: do not rely on it. Mend the cause, and run ' +
      '`kimberlite recover` again with the same flags: it makes another file, which the cluster ' +
      'then takes instead.',
  },
  internal: {
    exitCode: 70,
    summary:
      'The program found itself in an impossible state and stopped before answering wrongly.',
    remedy: 'Please report it with the lines above; the replica may be started again.',
  },
};

/** An expected failure, as a value. `message` says what happened, with the names involved. */
export interface ServerFault {
  readonly kind: 'fault';
  readonly code: ErrorCode;
  readonly message: string;
  /** What to do next, and what was not harmed. */
  readonly remedy: string;
  /** The process's exit code when it ends because of this. */
  readonly exitCode: number;
}

/** `remedy`: what to do in this very case, where the code's own says less. */
export function makeFault(
  code: ErrorCode,
  message: string,
  remedy: string = ERRORS[code].remedy,
): ServerFault {
  return {
    kind: 'fault',
    code,
    message,
    remedy,
    exitCode: ERRORS[code].exitCode,
  };
}

/** Tells an expected failure from the value that was asked for. */
export function isFault(value: unknown): value is ServerFault {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'fault';
}

/** The one line that a person sees. */
export function faultLine(fault: ServerFault): string {
  const message = fault.message.endsWith('.') ? fault.message : `${fault.message}.`;
  return `error: ${message} ${fault.remedy} [${fault.code}]`;
}

/** The `code` of a system error, such as ENOENT; empty when there is none. */
export function systemCode(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

const FILE_CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'data_file_missing',
  ENOTDIR: 'data_file_missing',
  EEXIST: 'data_file_exists',
  EACCES: 'permission_denied',
  EPERM: 'permission_denied',
  EROFS: 'permission_denied',
  ENOSPC: 'disk_full',
  EDQUOT: 'disk_full',
  EFBIG: 'disk_full',
  // What open(2) and the first transfer say where no mode of synchronous writes works.
  EINVAL: 'disk_without_sync',
};

/** Names a system error about a file. */
export function fileFault(error: unknown, path: string, doing: string): ServerFault {
  const system = systemCode(error);
  const code = FILE_CODES[system] ?? 'io_failed';
  return makeFault(code, `cannot ${doing} ${path}: ${system === '' ? String(error) : system}`);
}

/** Names a system error about a file that was to be made: what is missing then is its directory. */
export function creationFault(error: unknown, path: string): ServerFault {
  const fault = fileFault(error, path, 'create');
  if (fault.code !== 'data_file_missing') return fault;
  // Some directories, such as /proc, are there and say the same to whoever makes a file.
  if (existsSync(dirname(path))) return makeFault('io_failed', fault.message);
  const remedy = 'Nothing was made or changed. Make the directory first, or choose another path.';
  return makeFault('io_failed', `the directory ${dirname(path)} does not exist`, remedy);
}

/** Names a system error about an address to listen on. */
export function listenFault(error: unknown, address: string, what: string): ServerFault {
  const system = systemCode(error);
  const code = system === 'EADDRINUSE' ? 'port_in_use' : 'address_unavailable';
  return makeFault(code, `cannot listen for ${what} on ${address}: ${system}`);
}
