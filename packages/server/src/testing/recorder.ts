/** Collects what happens and lets a test wait for it, without any clock. */
export class Recorder<T> {
  readonly events: T[];
  #waiting: { readonly wanted: (event: T) => boolean; readonly found: (event: T) => void }[];

  constructor() {
    this.events = [];
    this.#waiting = [];
  }

  add(event: T): void {
    this.events.push(event);
    const ready = this.#waiting.filter(({ wanted }) => wanted(event));
    this.#waiting = this.#waiting.filter(({ wanted }) => !wanted(event));
    for (const { found } of ready) found(event);
  }

  /** The first event, past or future, that is wanted. */
  when(wanted: (event: T) => boolean): Promise<T> {
    const past = this.events.find(wanted);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((found) => this.#waiting.push({ wanted, found }));
  }
}
