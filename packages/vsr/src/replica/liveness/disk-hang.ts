import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { diskLimit } from './disk-pace.ts';

/** What a disk has stopped doing. */
export type DiskWork = 'write' | 'read';

/**
 * Says so when this replica's own disk has done nothing for as long as a primary would wait before
 * it gives way, with something asked of it. A backup gives nothing up for that: the others go on
 * without its acknowledgements, and when the disk goes on it catches up. Unsaid, nobody would know
 * before the next replica fails, and then nothing would commit.
 */
export function watchDiskHang(r: Replica): void {
  const { disk } = r;
  const work = hangingWork(r);
  if (work !== null) {
    if (disk.hangs !== null) return;
    disk.hangs = work;
    trace(r, { kind: 'disk_hangs', work });
  } else if (disk.hangs !== null) {
    trace(r, { kind: 'disk_goes_on', work: disk.hangs });
    disk.hangs = null;
  }
}

function hangingWork(r: Replica): DiskWork | null {
  const { disk, tick } = r;
  if (tick - disk.writeProgress > diskLimit(r, disk.writeTicks)) return 'write';
  return tick - disk.readProgress > diskLimit(r, disk.readTicks) ? 'read' : null;
}
