import { BlockArea, type Growth } from './block-area.ts';
import { growthTask, type IoTask } from './io-task.ts';

/** What became of a growth of the file. */
export type GrowthResult = 'grown' | 'refused';

export interface BlockRoomOptions {
  /** Bytes of the file when it was opened. */
  readonly size: number;
  /** Milliseconds from a growth that found no room, with writes waiting for it, to the next. */
  readonly retryMillis: number;
  readonly push: (task: IoTask) => void;
  /** The file was to grow, and did; or there was no room for all of it. */
  readonly onGrowth: (result: GrowthResult) => void;
}

/**
 * Block writes on their way to the disk: those beyond the end of the file wait, in order, until it
 * has grown. Where the file system has no room they go on waiting, and the growth is tried again:
 * only zeros were to be written, nothing has been claimed of the blocks, and the log has its space.
 * To end the process instead would help nobody: it would come to the same block after each start.
 */
export class BlockRoom {
  readonly #options: BlockRoomOptions;
  readonly #area: BlockArea;
  #waiting: IoTask[];
  /** Some wait because the last growth found no room for them. */
  #full: boolean;
  /** Until that is tried again; nothing else tries meanwhile. */
  #retry: NodeJS.Timeout | null;
  #closed: boolean;

  constructor(options: BlockRoomOptions) {
    this.#options = options;
    this.#area = new BlockArea(options.size);
    this.#waiting = [];
    this.#full = false;
    this.#retry = null;
    this.#closed = false;
  }

  /** End of the file as far as it is formatted, in bytes. */
  end(): number {
    return this.#area.end();
  }

  /** Bytes of the writes that wait because the file system had no room; 0 while it has some. */
  waitingBytes(): number {
    if (!this.#full) return 0;
    return this.#waiting.reduce((sum, { length }) => sum + length, 0);
  }

  write(task: IoTask): void {
    const end = endOf(task);
    if (this.#area.covers(end)) this.#options.push(task);
    else this.#waiting.push(task);
    this.#growAhead(end);
  }

  /** What waits is still written, unless there is no room: then it is given up. */
  close(): void {
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }

  #growAhead(end: number): void {
    if (this.#retry !== null) return;
    const growth = this.#area.growthFor(end);
    if (growth === null) return;
    const task = growthTask(growth, () => this.#onGrowth(growth, task.progress));
    this.#options.push(task);
  }

  /** So many bytes of it were written, fewer than all where the room came to its end. */
  #onGrowth(growth: Growth, written: number): void {
    this.#area.onGrown(growth, written);
    const before = this.#waiting;
    this.#waiting = [];
    for (const task of before) {
      if (this.#area.covers(endOf(task))) this.#options.push(task);
      else this.#waiting.push(task);
    }
    const isWhole = written === growth.length;
    this.#full = !isWhole && this.#waiting.length > 0;
    if (this.#full) this.#tryLater();
    else if (isWhole) for (const task of before) this.#growAhead(endOf(task));
    this.#options.onGrowth(isWhole ? 'grown' : 'refused');
  }

  #tryLater(): void {
    if (this.#closed) return;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      const [first] = this.#waiting;
      if (first !== undefined) this.#growAhead(endOf(first));
    }, this.#options.retryMillis);
  }
}

function endOf({ position, length }: IoTask): number {
  return position + length;
}
