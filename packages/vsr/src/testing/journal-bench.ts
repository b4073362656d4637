import { assert, present } from '@kimberlite/store';
import { CONFIG_SIMULATION } from '../config.ts';
import { Journal } from '../journal/journal.ts';
import { recoverLog } from '../journal/recover.ts';
import { logHeaderOf } from '../message/header-list.ts';
import { HEADER_SIZE } from '../message/layout.ts';
import type { PrepareMessage } from '../message/message.ts';
import { HEADERS_PER_SECTOR } from '../storage-layout.ts';
import { superblockFixture, WalDisk } from './wal-disk.ts';

const SLOTS = CONFIG_SIMULATION.walSlots;

/** A journal whose writes complete when the test says so. */
export class JournalBench {
  readonly disk: WalDisk;
  readonly journal: Journal;
  /** Writes in the order in which the journal asked: `body 3` (an op), `headers 0` (a sector). */
  readonly asked: string[] = [];
  readonly sectors: Uint8Array[] = [];

  constructor(options: { readonly writesMax?: number; readonly disk?: WalDisk } = {}) {
    const writesMax = options.writesMax ?? 4;
    this.disk = options.disk ?? new WalDisk(SLOTS);
    const recovered = recoverLog(this.disk.reads(), {
      config: CONFIG_SIMULATION,
      superblock: superblockFixture(),
      solo: false,
      writesMax,
    });
    this.journal = new Journal({
      config: CONFIG_SIMULATION,
      writesMax,
      redundant: this.disk.redundant(),
      recovered: present(recovered),
      out: {
        writePrepare: (slot, { header }): void => {
          assert(slot === header.op % SLOTS, 'each op has its slot');
          this.asked.push(`body ${header.op}`);
        },
        writeHeaders: (sector, bytes): void => {
          this.asked.push(`headers ${sector}`);
          this.sectors.push(bytes);
        },
      },
    });
  }

  append(prepare: PrepareMessage): void {
    this.journal.setHeader(logHeaderOf(prepare));
    this.journal.write(prepare);
  }

  bodyDone(prepare: PrepareMessage): void {
    this.journal.onPrepareWritten(prepare.header.op % SLOTS, prepare.header.checksum);
  }

  /** What was asked since the last call. */
  take(): string[] {
    return this.asked.splice(0);
  }

  /** From append to durable. */
  settle(prepare: PrepareMessage): void {
    this.append(prepare);
    this.bodyDone(prepare);
    this.journal.onHeadersWritten(Math.floor((prepare.header.op % SLOTS) / HEADERS_PER_SECTOR));
    this.take();
    this.sectors.length = 0;
  }
}

/** The header of a slot as a sector write carries it. */
export function headerIn(sector: Uint8Array | undefined, slot: number): Uint8Array {
  const start = (slot % HEADERS_PER_SECTOR) * HEADER_SIZE;
  return present(sector).subarray(start, start + HEADER_SIZE);
}
