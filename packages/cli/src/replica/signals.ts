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

/** Resolves once, when the process is asked to stop. */
export function signalled(options: SignalOptions): Promise<StopReason> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (asked && options.forceOnSecond) process.exit(signal === 'SIGINT' ? 130 : 143);
        asked = true;
        resolve(signal);
      });
    }
    if (!options.withParent) return;
    process.on('disconnect', () => resolve('parent_gone'));
    // It may have ended before anybody listened.
    if (!process.connected) resolve('parent_gone');
  });
}
