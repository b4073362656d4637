import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * A fresh directory for the files of a measurement, which whoever asks for it removes. It lies in
 * the repository: the system's own for temporary files is often in memory.
 */
export function makeWorkDirectory(name: string): string {
  const cache = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url));
  mkdirSync(cache, { recursive: true });
  return mkdtempSync(join(cache, `kimberlite-${name}-`));
}
