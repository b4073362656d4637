import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createKernel } from '@kimberlite/kernel';
import { ERRORS, formatDataFile, neverRan } from '@kimberlite/server';
import { quorumsOf } from '@kimberlite/vsr';
import { CliError, cliError, unwrap } from '../fault.ts';
import { SIZES, type SizeName } from '../replica/format-command.ts';
import { adoptFiles } from './adopt-files.ts';
import { shellWord } from './ended-text.ts';

/** What a directory of `dev` holds; `formatted` once every data file has been made. */
export interface DevCluster {
  readonly cluster: bigint;
  readonly replicas: number;
  readonly size: SizeName;
  readonly formatted: boolean;
}

export interface PreparedCluster extends DevCluster {
  /** Replicas whose file is lost; those that are left are a quorum. */
  readonly missing: readonly number[];
}

export interface DirectoryPlan {
  readonly directory: string;
  readonly replicas: number;
  /** Null: what the directory holds, dev for a new one. */
  readonly size: SizeName | null;
}

export function dataFilePath(directory: string, slot: number): string {
  return join(directory, `replica-${slot}.data`);
}

/**
 * Makes what is missing: the directory, and data files of a cluster that was never complete, and
 * so never ran. A file that is missing from a complete cluster is not made anew: an empty replica
 * would have forgotten what it acknowledged, and two of three could then lose it. The others are
 * enough while they are a quorum; with fewer it is refused. Files that were made otherwise, all of
 * one cluster, get the description that is missing.
 */
export async function prepareDirectory(
  plan: DirectoryPlan,
  onFormat: (path: string) => void,
  onAdopt: (cluster: bigint) => void = (): void => {},
): Promise<PreparedCluster> {
  const { directory, replicas } = plan;
  makeDirectory(directory);
  const read = readCluster(directory);
  const adopted = read === null ? await adoptedCluster(plan) : null;
  const known = read ?? adopted ?? newCluster(plan);
  if (known.replicas !== replicas) {
    throw cliError(
      'usage',
      `${directory} holds a cluster of ${known.replicas} replicas, not ${replicas}`,
      `Nothing was changed. Use --replicas ${known.replicas}, or another --data.`,
    );
  }
  if (plan.size !== null && plan.size !== known.size) {
    throw cliError(
      'usage',
      `${directory} was formatted with --size ${known.size}, not ${plan.size}`,
      'Nothing was changed. Sizes never change; leave --size out, or use another --data.',
    );
  }
  if (adopted !== null) {
    writeCluster(directory, adopted);
    onAdopt(adopted.cluster);
  }
  if (known.formatted) {
    return { ...known, missing: missingFiles(directory, replicas) };
  }
  refuseUsed(directory, replicas);
  writeCluster(directory, known);
  for (let slot = 0; slot < replicas; slot += 1) {
    const path = dataFilePath(directory, slot);
    onFormat(path);
    // Left over from a format that was interrupted: refuseUsed has looked.
    rmSync(path, { force: true });
    const { cluster } = known;
    unwrap(
      await formatDataFile({
        path,
        config: SIZES[known.size],
        stateMachine: createKernel(),
        cluster,
        slot,
        replicaCount: replicas,
      }),
    );
  }
  const complete = { ...known, formatted: true };
  writeCluster(directory, complete);
  return { ...complete, missing: [] };
}

/** What files without a description are; null where there is none. Throws CliError for a part. */
async function adoptedCluster({ directory, replicas }: DirectoryPlan): Promise<DevCluster | null> {
  const pathOf = (slot: number): string => dataFilePath(directory, slot);
  const slots = Array.from({ length: replicas }, (_, slot) => slot);
  const found = slots.find((slot) => existsSync(pathOf(slot)));
  if (found === undefined) return null;
  const adopted = found === 0 ? await adoptFiles(pathOf) : `${pathOf(0)} is not there`;
  if (typeof adopted !== 'string') return { ...adopted, formatted: true };
  throw cliError(
    'error',
    `${pathOf(found)} is there, but ${clusterPath(directory)} is not, and ${adopted}`,
    'Nothing was changed. If `dev` made these files, put cluster.json back; start replicas of ' +
      'another cluster by hand (`kimberlite start --data-file ... --addresses ...`); or use ' +
      'another --data.',
  );
}

function newCluster(plan: DirectoryPlan): DevCluster {
  const cluster = BigInt(`0x${randomBytes(7).toString('hex')}`) + 1n;
  return { cluster, replicas: plan.replicas, size: plan.size ?? 'dev', formatted: false };
}

/**
 * Files of a cluster that was never complete are made anew, which must not happen to one that a
 * replica may have run on, whatever cluster.json says: what it acknowledged would be lost.
 */
function refuseUsed(directory: string, replicas: number): void {
  for (let slot = 0; slot < replicas; slot += 1) {
    const path = dataFilePath(directory, slot);
    if (!existsSync(path) || neverRan(path)) continue;
    throw cliError(
      'error',
      `${path} is no unfinished format, but cluster.json does not say "formatted": true`,
      'Nothing was changed. If this cluster has run, put "formatted": true back; if it never ' +
        'has, remove the directory; or use another --data.',
    );
  }
}

/** Replicas without a file. Throws CliError when the others are no quorum. */
function missingFiles(directory: string, replicas: number): number[] {
  const slots = Array.from({ length: replicas }, (_, slot) => slot);
  const missing = slots.filter((slot) => !existsSync(dataFilePath(directory, slot)));
  if (missing.length === 0) return missing;
  const { replication, viewChange } = quorumsOf(replicas);
  const present = slots.filter((slot) => !missing.includes(slot));
  if (present.length >= Math.max(replication, viewChange)) return missing;
  const paths = missing.map((slot) => dataFilePath(directory, slot)).join(', ');
  throw new CliError({
    exitCode: ERRORS.data_file_missing.exitCode,
    code: 'data_file_missing',
    message:
      `${paths} ${missing.length === 1 ? 'is' : 'are'} missing from a cluster of ${replicas} ` +
      `that has run, and ${present.length === 0 ? 'none is left' : 'what is left is no quorum'}`,
    remedy: `Nothing was started or changed. Put the lost files back. ${lastResort(present, directory)}`,
  });
}

function lastResort(present: readonly number[], directory: string): string {
  const [first] = present;
  const backup = '`kimberlite backup restore` makes a new cluster of a backup';
  if (first === undefined) return `If they are lost for good, ${backup}.`;
  const survivor = shellWord(dataFilePath(directory, first));
  return (
    'If they are lost for good, ' +
    `\`kimberlite recover --from-survivor ${survivor} --dry-run\` says what the file that is ` +
    `left still holds, and ${backup}.`
  );
}

function makeDirectory(directory: string): void {
  const missing: string[] = [];
  for (let path = directory; !existsSync(path); path = dirname(path)) missing.unshift(path);
  try {
    // One at a time: the recursive mkdir of Node.js never returns where the system says ENOENT of a
    // directory whose parent is there, as it does in /proc.
    for (const path of missing) makeOne(path);
    if (!statSync(directory).isDirectory()) {
      throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' });
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw cliError(
      'error',
      `the directory ${directory} cannot be made (${code})`,
      'Nothing was changed. Choose another --data, or give this user permission.',
    );
  }
}

function makeOne(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    // Somebody else was faster.
    if (!existsSync(path)) throw error;
  }
}

function clusterPath(directory: string): string {
  return join(directory, 'cluster.json');
}

function readCluster(directory: string): DevCluster | null {
  const path = clusterPath(directory);
  if (!existsSync(path)) return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    parsed = null;
  }
  const cluster = devClusterOf(parsed);
  if (cluster !== null) return cluster;
  throw cliError(
    'error',
    `${path} cannot be read as the description of a cluster`,
    'Nothing was changed. Put it back, or use another --data.',
  );
}

function devClusterOf(value: unknown): DevCluster | null {
  if (typeof value !== 'object' || value === null) return null;
  if (!('cluster' in value && 'replicas' in value && 'size' in value)) return null;
  const { cluster, replicas, size } = value;
  if (typeof cluster !== 'string' || !/^\d{1,39}$/.test(cluster)) return null;
  if (typeof replicas !== 'number' || (size !== 'dev' && size !== 'default')) return null;
  const formatted = 'formatted' in value && value.formatted === true;
  return { cluster: BigInt(cluster), replicas, size, formatted };
}

function writeCluster(directory: string, cluster: DevCluster): void {
  writeJsonFile(clusterPath(directory), { ...cluster, cluster: cluster.cluster.toString() });
}

/** Whole or not at all: a reader never sees a half-written file. */
export function writeJsonFile(path: string, value: unknown): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(temporary, path);
}
