/** Callers that go on until they are told to end, each with one call at a time. */
export class RunningLoad {
  #count: number;
  #isOver: boolean;
  readonly #calls: Promise<void>;

  constructor(callers: number, call: () => Promise<void>) {
    this.#count = 0;
    this.#isOver = false;
    const run = async (): Promise<void> => {
      while (!this.#isOver) {
        await call();
        this.#count += 1;
      }
    };
    this.#calls = Promise.all(Array.from({ length: callers }, run)).then(() => {});
  }

  /** What becomes of `what`, how long it takes, and calls that are answered a second meanwhile. */
  async during<T>(
    what: () => Promise<T>,
  ): Promise<{ readonly value: T; readonly seconds: number; readonly rate: number }> {
    const [begun, count] = [performance.now(), this.#count];
    const value = await Promise.race([what(), this.#calls.then(failed)]);
    const seconds = (performance.now() - begun) / 1000;
    return { value, seconds, rate: (this.#count - count) / seconds };
  }

  /** Resolves when the last answers have come. */
  end(): Promise<void> {
    this.#isOver = true;
    return this.#calls;
  }
}

function failed(): never {
  throw new Error('the load ended by itself');
}
