const LOOK_MILLIS = 20;

export interface UntilOptions {
  /** Milliseconds after which it is given up. */
  readonly within: number;
  /** What is waited for, for the message. */
  readonly what: string;
  /** What is known when it is given up; may take its time. */
  readonly explain?: () => string | Promise<string>;
}

/**
 * Looks again and again until there is something other than null. Rejects after the deadline with
 * what was waited for, and what was there instead.
 */
export async function until<T>(
  look: () => T | null | Promise<T | null>,
  options: UntilOptions,
): Promise<T> {
  const deadline = performance.now() + options.within;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (performance.now() > deadline) {
      const explanation = (await options.explain?.()) ?? '';
      throw new Error(`not within ${options.within} ms: ${options.what}\n${explanation}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MILLIS));
  }
}
