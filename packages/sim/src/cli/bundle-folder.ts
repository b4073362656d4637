import { accessSync, constants, existsSync, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Why a system call failed: its code, such as EACCES. */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? String(error.code) : error.message;
}

/** Folders that were made, the outermost first; or in one line why there are none. */
export type MadeFolders = readonly string[] | { readonly fault: string };

/**
 * Makes a folder, with those above it, where there is none; afterwards files can be made in it.
 * What was made so far is taken back when it cannot be.
 */
export function makeFolder(folder: string): MadeFolders {
  const missing: string[] = [];
  for (let path = resolve(folder); !existsSync(path); path = dirname(path)) missing.unshift(path);
  const made: string[] = [];
  try {
    // One at a time: the recursive mkdir of Node.js never returns where the system says ENOENT of a
    // folder whose parent is there, as it does in /proc.
    for (const path of missing) if (makeOne(path)) made.push(path);
    const fault = folderFault(folder);
    if (fault === null) return made;
    removeEmpty(made);
    return { fault };
  } catch (error) {
    removeEmpty(made);
    return { fault: `the directory ${folder} cannot be made (${systemReason(error)})` };
  }
}

/** Removes the folders that hold nothing. */
export function removeEmpty(made: readonly string[]): void {
  try {
    for (const path of made.toReversed()) rmdirSync(path);
  } catch {
    // It holds something, which stays.
  }
}

/** Why files cannot be made in a folder; null when they can. */
export function folderFault(folder: string): string | null {
  try {
    if (!statSync(folder).isDirectory()) return `${folder} is no directory`;
    accessSync(folder, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const reason = systemReason(error);
    if (reason === 'ENOENT') return `there is no directory ${folder}`;
    return `the directory ${folder} cannot be written (${reason})`;
  }
}

/** Why a file cannot be written, without writing it; null when nothing stands against it. */
export function fileFault(path: string): string | null {
  if (path === '' || path.endsWith('/')) return `'${path}' names no file`;
  if (!existsSync(path)) return folderFault(dirname(path));
  if (statSync(path).isDirectory()) return `${path} is a directory`;
  try {
    accessSync(path, constants.W_OK);
    return null;
  } catch (error) {
    return `${path} cannot be written (${systemReason(error)})`;
  }
}

/** False where somebody else was faster. */
function makeOne(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if (!existsSync(path)) throw error;
    return false;
  }
}
