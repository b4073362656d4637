import { existsSync, linkSync, renameSync, rmSync } from 'node:fs';
import { systemCode } from '@kimberlite/server';

/** What file systems without hard links say. */
const WITHOUT_LINKS: readonly string[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/** The name under which a file is made, until it is whole. */
export function partialOf(path: string): string {
  return `${path}.partial`;
}

/**
 * Gives a file that is whole its name. A link, unlike a rename, never takes the place of a file
 * that is there. Throws the system's error, EEXIST where something has taken the name.
 */
export function takeName(path: string): void {
  const partial = partialOf(path);
  try {
    linkSync(partial, path);
    rmSync(partial);
  } catch (error) {
    if (existsSync(path) || !WITHOUT_LINKS.includes(systemCode(error))) throw error;
    renameSync(partial, path);
  }
}
