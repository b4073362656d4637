/** How the process was asked to stop. */
export type StopReason = 'SIGINT' | 'SIGTERM' | 'parent_gone';

export interface SignalOptions {
  /** Stop, too, when the process that started this one with a channel ends, however it ends. */
  readonly withParent: boolean;
  /**
   * A second signal ends the process at once. Not for a child of `dev`, which is told by the
   * terminal and by its parent within a moment.
   */
  readonly forceOnSecond: boolean;
}

/** What is needed of a process to hear that it should stop. */
export interface SignalledProcess {
  readonly connected: boolean;
  on(event: 'SIGINT' | 'SIGTERM' | 'disconnect', heard: () => void): unknown;
  exit(code: number): void;
}

/**
 * Milliseconds within which two signals are one: Ctrl-C under `npm start` comes from the terminal
 * and again from npm. Nobody presses it twice so fast.
 */
export const ONE_SIGNAL_MILLIS = 300;

/** Resolves once, when the process is asked to stop. `now` is a clock that never goes back. */
export function signalled(
  options: SignalOptions,
  heardBy: SignalledProcess = process,
  now: () => number = () => performance.now(),
): Promise<StopReason> {
  return new Promise((resolve) => {
    let askedAt: number | null = null;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      heardBy.on(signal, () => {
        if (askedAt === null) {
          askedAt = now();
          resolve(signal);
        } else if (options.forceOnSecond && now() - askedAt >= ONE_SIGNAL_MILLIS) {
          heardBy.exit(signal === 'SIGINT' ? 130 : 143);
        }
      });
    }
    if (!options.withParent) return;
    heardBy.on('disconnect', () => resolve('parent_gone'));
    // It may have ended before anybody listened.
    if (!heardBy.connected) resolve('parent_gone');
  });
}
