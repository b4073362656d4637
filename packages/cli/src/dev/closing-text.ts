/** What `dev` says when it has stopped its replicas: what is left, on disk and running. */
export function closingText(left: {
  /** As the user wrote it. */
  readonly directory: string;
  /** Replicas that had ended before, or had no file, and whose client ports somebody holds. */
  readonly stillListening: readonly { readonly slot: number; readonly port: number }[];
}): string {
  const { directory, stillListening } = left;
  const lines = stillListening.map(({ slot, port }) => {
    return (
      `replica ${slot} still listens on 127.0.0.1:${port}: it was started by hand. ` +
      'Stop it where it was started, before the next `dev` needs its ports.\n'
    );
  });
  return `stopped; the data stays in ${directory}\n${lines.join('')}`;
}
