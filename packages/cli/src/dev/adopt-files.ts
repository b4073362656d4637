import { existsSync } from 'node:fs';
import { KERNEL_MACHINE } from '../cluster/kernel-machine.ts';
import { readerOf, withOfflineFile } from '../inspect/data-file-reader.ts';
import { SIZES, type SizeName } from '../replica/format-command.ts';

/** What the data files of one cluster say of it. */
export interface AdoptedCluster {
  readonly cluster: bigint;
  readonly replicas: number;
  readonly size: SizeName;
}

/**
 * What the files of a directory without a description are: all replicas of one cluster, as
 * `backup restore` and `recover --from-survivor` leave them; or, as the end of a sentence, why they
 * cannot be taken for that. They are only read, and locked meanwhile: no replica has one of them.
 * Throws CliError for a file that cannot be looked into. There is a file of slot 0.
 */
export async function adoptFiles(
  pathOf: (slot: number) => string,
): Promise<AdoptedCluster | string> {
  const first = await identityAt(pathOf(0));
  const { cluster, replicaCount } = first;
  for (let slot = 0; slot < replicaCount; slot += 1) {
    const path = pathOf(slot);
    if (!existsSync(path)) return `${path}, of its cluster of ${replicaCount}, is not there`;
    const own = await identityAt(path);
    if (own.machine.id !== KERNEL_MACHINE.id) return `${path} is one of another state machine`;
    if (own.cluster !== cluster) return `${path} is one of another cluster`;
    if (own.slot !== slot) return `${path} is one of replica ${own.slot}`;
  }
  const size = sizeOf(first.config);
  if (size === null) return 'its sizes are neither those of dev nor the default ones';
  return { cluster, replicas: replicaCount, size };
}

async function identityAt(path: string): Promise<Identity> {
  return await withOfflineFile(path, (file) => readerOf(file).chosen.state.identity);
}

type Identity = ReturnType<typeof readerOf>['chosen']['state']['identity'];

/** By what the sizes differ in; limits of the state are chosen apart from them. */
function sizeOf({ walSlots, messageSizeMax }: Identity['config']): SizeName | null {
  for (const name of ['dev', 'default'] as const) {
    const sizes = SIZES[name];
    if (sizes.walSlots === walSlots && sizes.messageSizeMax === messageSizeMax) return name;
  }
  return null;
}
