import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory for one test; `remove` deletes it with all that is in it. */
export function temporaryDirectory(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'kimberlite-'));
  return { path, remove: (): void => rmSync(path, { recursive: true, force: true }) };
}
