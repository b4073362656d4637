import { assert } from '@kimberlite/store';
import { LABELS } from './labels.ts';

/** Upper bounds of durations, in seconds; a disk's floor is about 0.1 ms, a hang is seconds. */
export const DURATION_BOUNDS: readonly number[] = [
  0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];

/** Distinct labels of one counter, at most: names come from our own tables, never from users. */
const LABELS_MAX = 96;

/** Numbers by label, in one typed array over memory that another thread may read. */
export class LabelledCounter {
  readonly #labels: Map<string, number>;
  readonly #values: Float64Array;

  /** Labels that are there from the start, at zero. */
  constructor(labels: readonly string[] = []) {
    assert(labels.length < LABELS_MAX, 'room for the labels, and one for all others');
    this.#labels = new Map(labels.map((label, index) => [label, index]));
    assert(this.#labels.size === labels.length, 'labels differ');
    this.#values = new Float64Array(new SharedArrayBuffer(LABELS_MAX * 8));
  }

  add(label: string, amount = 1): void {
    let index = this.#labels.get(label);
    if (index === undefined) {
      index = Math.min(this.#labels.size, LABELS_MAX - 1);
      this.#labels.set(index === LABELS_MAX - 1 ? 'other' : label, index);
    }
    this.#values[index] = (this.#values[index] ?? 0) + amount;
  }

  get(label: string): number {
    const index = this.#labels.get(label);
    return index === undefined ? 0 : (this.#values[index] ?? 0);
  }

  total(): number {
    return this.#values.reduce((sum, value) => sum + value, 0);
  }

  /** The labels that were counted. */
  counted(): [string, number][] {
    return this.entries().filter(([, value]) => value > 0);
  }

  /** By label, in alphabetical order. */
  entries(): [string, number][] {
    const entries = [...this.#labels.keys()].map((label): [string, number] => [
      label,
      this.get(label),
    ]);
    return entries.sort(([first], [other]) => (first < other ? -1 : 1));
  }
}

/** Counts durations in fixed buckets. */
export class Histogram {
  readonly bounds: readonly number[];
  /** One more than bounds: the last counts what is above all. Not cumulative. */
  readonly #counts: Float64Array;
  #sum: number;

  constructor(bounds: readonly number[] = DURATION_BOUNDS) {
    assert(bounds.length > 0, 'some buckets');
    this.bounds = bounds;
    this.#counts = new Float64Array(new SharedArrayBuffer((bounds.length + 1) * 8));
    this.#sum = 0;
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] ?? 0)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  sum(): number {
    return this.#sum;
  }

  count(): number {
    return this.#counts.reduce((sum, value) => sum + value, 0);
  }

  /** Observations at or below each bound, then all. */
  cumulative(): number[] {
    let sum = 0;
    return [...this.#counts].map((count) => {
      sum += count;
      return sum;
    });
  }

  /** Upper bound of the bucket in which the quantile falls; 0 without observations. */
  quantile(share: number): number {
    const all = this.cumulative();
    const wanted = (all.at(-1) ?? 0) * share;
    if (wanted === 0) return 0;
    const bucket = all.findIndex((count) => count >= wanted);
    return this.bounds[bucket] ?? Number.POSITIVE_INFINITY;
  }
}

/** Everything that a replica process counts, beside what its snapshot says. */
export class Instruments {
  readonly messagesReceived: LabelledCounter = new LabelledCounter(LABELS.commands);
  readonly messagesSent: LabelledCounter = new LabelledCounter(LABELS.commands);
  readonly bytesSent: LabelledCounter = new LabelledCounter(LABELS.commands);
  readonly bytesReceived: LabelledCounter = new LabelledCounter(LABELS.commands);
  /** By reason. */
  readonly messagesDropped: LabelledCounter = new LabelledCounter(LABELS.messagesDropped);
  readonly frameFaults: LabelledCounter = new LabelledCounter(LABELS.frameFaults);
  /** By reason. */
  readonly refusals: LabelledCounter = new LabelledCounter(LABELS.refusals);
  readonly rejectionsSent: LabelledCounter = new LabelledCounter(LABELS.rejections);
  readonly rejectionsReceived: LabelledCounter = new LabelledCounter(LABELS.rejections);
  /** By kind of trace event. */
  readonly events: LabelledCounter = new LabelledCounter(LABELS.events);
  /** By outcome. */
  readonly requests: LabelledCounter = new LabelledCounter(LABELS.requests);
  /** By level. */
  readonly queries: LabelledCounter = new LabelledCounter(LABELS.queries);
  readonly viewChanges: LabelledCounter = new LabelledCounter(LABELS.viewChanges);
  readonly corruptions: LabelledCounter = new LabelledCounter(LABELS.corruptions);
  /** Of those, the ones of the scrubber. */
  readonly scrubFindings: LabelledCounter = new LabelledCounter(LABELS.corruptions);
  readonly repairs: LabelledCounter = new LabelledCounter(LABELS.repairs);
  readonly evictions: LabelledCounter = new LabelledCounter(LABELS.evictions);
  /** Of the data file, by result. */
  readonly growths: LabelledCounter = new LabelledCounter(LABELS.growths);
  /** By what kept them from being written: errors of the system, which have no table. */
  readonly logLinesDropped: LabelledCounter = new LabelledCounter();
  readonly ioBytes: LabelledCounter = new LabelledCounter(LABELS.ioBytes);
  /** By result. */
  readonly backups: LabelledCounter = new LabelledCounter(LABELS.backups);
  /** `in_turn`, or `early` where a write was about to destroy them. */
  readonly backupBytes: LabelledCounter = new LabelledCounter(LABELS.backupBytes);
  readonly #backupLastSuccess: Float64Array = new Float64Array(new SharedArrayBuffer(8));
  /** Of the log and the superblock, from being asked for to being durable. */
  readonly walSeconds: Histogram = new Histogram();
  /** Of all else. */
  readonly writeSeconds: Histogram = new Histogram();
  readonly readSeconds: Histogram = new Histogram();
  /** How late ticks came. */
  readonly tickDelaySeconds: Histogram = new Histogram();

  /** Seconds since 1970; 0 when no backup was sent whole since the start. */
  backupLastSuccess(): number {
    return this.#backupLastSuccess[0] ?? 0;
  }

  setBackupLastSuccess(seconds: number): void {
    this.#backupLastSuccess[0] = seconds;
  }
}
