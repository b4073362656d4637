import { fstatSync, readdirSync, readFileSync, statSync } from 'node:fs';

/**
 * Id of the process that holds the flock on the file that is open as `fd`; null where the system
 * does not tell (not Linux, the process of another user, another pid namespace). The id in
 * /proc/locks is of no use: the lock was taken by a helper that is gone (file-lock.ts). The holder
 * is who has the file open in a way that carries the lock. A help for people, nothing more: the
 * process may be gone when they read it.
 */
export function lockHolder(fd: number): number | null {
  if (process.platform !== 'linux') return null;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    for (const name of readdirSync('/proc')) {
      if (/^\d+$/.test(name) && holdsLock(name, dev, ino)) return Number(name);
    }
  } catch {
    // Without /proc the message is the poorer by a number.
  }
  return null;
}

function holdsLock(pid: string, dev: bigint, ino: bigint): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const found = statSync(`/proc/${pid}/fd/${fd}`, { bigint: true, throwIfNoEntry: false });
      if (found === undefined || found.dev !== dev || found.ino !== ino) return false;
      return /^lock:.*\bFLOCK\b/m.test(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'));
    });
  } catch {
    // Another user's, or ended in between.
    return false;
  }
}
