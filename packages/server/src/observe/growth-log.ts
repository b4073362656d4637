import type { GrowthResult } from '../storage/block-room.ts';
import type { Instruments } from './instruments.ts';
import type { Logger } from './logger.ts';

/** The data file after a try to grow it, both in bytes. */
export interface FileRoom {
  readonly size: number;
  /** Blocks that wait because the file system has no room. */
  readonly waiting: number;
}

/**
 * Counts the tries to grow the data file, and logs when the want of room begins, when something
 * needs the room, and when it ends: it is tried often.
 */
export class GrowthLog {
  readonly #logger: Logger;
  readonly #instruments: Instruments;
  readonly #path: string;
  /** Whether the block area has room to grow, and if not, whether something waits for it. */
  #room: 'enough' | 'refused' | 'waited_for' = 'enough';

  constructor(options: {
    readonly logger: Logger;
    readonly instruments: Instruments;
    readonly path: string;
  }) {
    this.#logger = options.logger;
    this.#instruments = options.instruments;
    this.#path = options.path;
  }

  note(result: GrowthResult, { size, waiting }: FileRoom): void {
    this.#instruments.growths.add(result);
    const room = result === 'grown' ? 'enough' : waiting > 0 ? 'waited_for' : 'refused';
    if (room === this.#room) return;
    const isNew = this.#room === 'enough';
    this.#room = room;
    const fields = { path: this.#path, bytes: size };
    if (room === 'enough') {
      this.#logger.info('storage', 'the data file grows again', fields);
    } else if (room === 'waited_for') {
      this.#logger.error('storage', 'the disk is full: the checkpoint waits for room', {
        ...fields,
        waiting_bytes: waiting,
        remedy: 'free space on the file system of the data file; nothing needs to be restarted',
      });
    } else if (isNew) {
      this.#logger.warn('storage', 'no room for the data file to grow', fields);
    }
  }
}
