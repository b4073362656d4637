import { closeSync, fsyncSync, openSync } from 'node:fs';

/**
 * Makes the names in a directory durable: without this, a power loss could forget the name of a
 * file whose content is safe. Throws the system's error.
 */
export function syncDirectory(path: string): void {
  // There a directory cannot be opened.
  if (process.platform === 'win32') return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
