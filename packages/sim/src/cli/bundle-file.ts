import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type Bundle, decodeBundle, encodeBundle, SIM_VERSION } from '../explain/bundle.ts';
import { BadBundle } from '../explain/bundle-fields.ts';
import { scenarioOptions } from '../scenarios/registry.ts';
import { makeFolder, systemReason } from './bundle-folder.ts';
import { commitName } from './commit.ts';
import { EXIT_BAD_INPUT } from './exit-bad-input.ts';
import { runPlanted } from './planted.ts';

/** A bundle is a few KiB; what is larger than this is something else. */
const SIZE_MAX = 16 * 1024 * 1024;

/** A bundle, and what is unusual about it. */
interface ReadBundle {
  readonly bundle: Bundle;
  readonly notes: readonly string[];
}

/** The bundle in a file, or in one line why there is none. */
function readBundle(path: string): ReadBundle | string {
  let text: string;
  try {
    if (statSync(path).size > SIZE_MAX) return `${path}: it is too large to be a bundle`;
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return `${path}: ${error instanceof Error ? error.message : String(error)}`;
  }
  const decoded = decodeBundle(text, scenarioOptions);
  if (decoded instanceof BadBundle) return `${path}: ${decoded.message}`;
  const { bundle, notes } = decoded;
  return { bundle, notes: [...notes, ...originNotes(bundle)] };
}

/**
 * Reads a bundle, and does with it what is asked, in a copy of the sources with its planted bug if
 * it has one. Returns the exit code.
 */
export async function withBundle(path: string, use: (bundle: Bundle) => number): Promise<number> {
  const found = readBundle(path);
  if (typeof found === 'string') {
    process.stderr.write(`vopr: ${found}\n`);
    return EXIT_BAD_INPUT;
  }
  const planted = await runPlanted(found.bundle.mutant);
  if (planted !== null) return planted;
  for (const note of found.notes) process.stderr.write(`vopr: note: ${note}\n`);
  return use(found.bundle);
}

/** What makes it likely that a replay goes another way. */
function originNotes({ commit, simVersion }: Bundle): string[] {
  const here = commitName();
  const notes: string[] = [];
  if (simVersion !== SIM_VERSION) {
    notes.push(`written by version ${simVersion}, this is ${SIM_VERSION}`);
  }
  if (commit !== here) {
    notes.push(`written by commit ${commit}, this is ${here}: it may run another way`);
  } else if (here === 'unknown' || here.endsWith('+')) {
    notes.push(`written by changed sources (${here}), perhaps not by these`);
  }
  return notes;
}

/** Where a bundle is, or in one line why it could not be written. */
export type StoredBundle = { readonly path: string } | { readonly fault: string };

/** Writes a bundle into a folder, which is made if need be. */
export function storeBundle(folder: string, bundle: Bundle): StoredBundle {
  const mutant = bundle.mutant === null ? '' : `${bundle.mutant}-`;
  const path = join(folder, `${mutant}${bundle.scenario}-${bundle.seed}.json`);
  const made = makeFolder(folder);
  if ('fault' in made) return made;
  const fault = writeBundle(path, bundle);
  return fault === null ? { path } : { fault };
}

/** Writes a bundle to a file; null, or in one line why it could not be written. */
export function writeBundle(path: string, bundle: Bundle): string | null {
  try {
    writeFileSync(path, encodeBundle(bundle));
    return null;
  } catch (error) {
    return `${path} cannot be written (${systemReason(error)})`;
  }
}
