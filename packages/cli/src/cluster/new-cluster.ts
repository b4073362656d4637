import { join } from 'node:path';
import { randomU128 } from '@kimberlite/server';
import { VOTERS_MAX } from '@kimberlite/vsr';
import { usageError } from '../fault.ts';

/** A cluster that is to be made of the state of another. */
export interface NewCluster {
  readonly cluster: bigint;
  readonly replicaCount: number;
  /** Where its files are made; nothing of theirs may be there. */
  readonly directory: string;
}

/** What the command line may say of it. */
export interface NewClusterFlags {
  readonly newCluster?: bigint;
  readonly replicas?: number;
}

/** The cluster that its state is of. */
export interface OldCluster {
  readonly cluster: bigint;
  readonly replicaCount: number;
}

/** The new cluster but for its place: as the flags say, else with a random number and as large. */
export function newClusterOf(
  flags: NewClusterFlags,
  old: OldCluster,
): Omit<NewCluster, 'directory'> {
  const cluster = flags.newCluster ?? randomU128();
  if (cluster === 0n) throw usageError('--new-cluster 0 stands for no cluster; choose another');
  if (cluster === old.cluster) {
    throw usageError(
      `--new-cluster ${cluster} is the old one: sessions, revisions and replicas of both would ` +
        'be taken for each other',
    );
  }
  const replicaCount = flags.replicas ?? old.replicaCount;
  if (replicaCount > VOTERS_MAX) throw usageError(`--replicas is 1 to ${VOTERS_MAX}`);
  return { cluster, replicaCount };
}

/** Files of the new cluster, by slot. */
export function newFilePaths({ directory, replicaCount }: NewCluster): string[] {
  return Array.from({ length: replicaCount }, (_, slot) => join(directory, `replica-${slot}.data`));
}
