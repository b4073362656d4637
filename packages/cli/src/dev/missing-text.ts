import { shellWord } from './ended-text.ts';

/** What `dev` says before it starts a cluster whose file at `path` is lost. */
export function withoutText(path: string, left: number): string {
  return (
    `${path} is missing from a cluster that has run. It is not made anew, for an empty replica ` +
    `would have forgotten what it acknowledged; the other ${left} are a quorum and are started.\n`
  );
}

/** What `dev` says when they run: that nothing is lost, and what brings the lost one back. */
export function missingText(lost: {
  readonly slot: number;
  readonly dataFile: string;
  /** Client ports of all replicas. */
  readonly endpoints: string;
  /** Replicas that run. */
  readonly running: number;
  /** Arguments of `kimberlite` that start it. */
  readonly command: readonly string[];
}): string {
  const { slot, dataFile, endpoints, running, command } = lost;
  const recover = ['recover', `--data-file=${dataFile}`, `--replica=${slot}`];
  return (
    `replica ${slot} has no data file and was not started. Nothing acknowledged is lost: the ` +
    `other ${running} hold it and go on. Meanwhile, in another terminal, make it a new file and ` +
    'start it:\n' +
    `  npx kimberlite ${[...recover, `--endpoints=${endpoints}`].map(shellWord).join(' ')}\n` +
    `  npx kimberlite ${command.map(shellWord).join(' ')}\n` +
    'The next `dev` starts it with the others. If the file itself turns up before that, stop ' +
    '`dev` and put it back instead; after that, destroy it.\n'
  );
}
