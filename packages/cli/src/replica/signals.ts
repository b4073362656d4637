/** How the process was asked to stop. */
export type StopReason = 'SIGINT' | 'SIGTERM' | 'parent_gone';

/**
 * Resolves once, when the process is asked to stop: by a signal or, where it was started by `dev`
 * (which keeps a channel to it), by the end of the parent, however that ended. A second signal
 * ends the process at once.
 */
export function signalled(options: { readonly withParent: boolean }): Promise<StopReason> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        // `dev` passes the terminal's signal on, so the same one may come twice within a moment.
        if (asked && !options.withParent) process.exit(signal === 'SIGINT' ? 130 : 143);
        asked = true;
        resolve(signal);
      });
    }
    if (options.withParent && process.connected) {
      process.on('disconnect', () => resolve('parent_gone'));
    }
  });
}
