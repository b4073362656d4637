import type { IoObserver } from '../storage/io-queue.ts';
import type { Instruments } from './instruments.ts';

/** Counts the bytes of finished I/O and times it: the log apart from the rest. */
export function storageObserver(instruments: Instruments): IoObserver {
  return {
    onIo({ kind, background, seconds, bytes }): void {
      instruments.ioBytes.add(kind, bytes);
      if (kind === 'read') instruments.readSeconds.observe(seconds);
      else (background ? instruments.writeSeconds : instruments.walSeconds).observe(seconds);
    },
  };
}
