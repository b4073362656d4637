import { quorumsOf } from '@kimberlite/vsr';
import type { ChildEnd } from './replica-child.ts';

/** How a child ended, in a few words. */
export function howEnded(end: ChildEnd): string {
  if (end.signal !== null) return end.signal;
  return `exit code ${end.code}${end.line.startsWith('error:') ? `, ${end.line}` : ''}`;
}

/** What `dev` says when a replica ends by itself: what that means, and how to start it again. */
export function endedText(ended: {
  readonly end: ChildEnd;
  readonly replicas: number;
  /** Replicas that still run. */
  readonly left: number;
  /** Arguments of `kimberlite` that start it again. */
  readonly command: readonly string[];
}): string {
  const { end, replicas, left, command } = ended;
  return (
    `replica ${end.slot} ended (${howEnded(end)}) and is not restarted. ` +
    `${leftText(left, replicas)} ` +
    `Start it again with: npx kimberlite ${command.map(shellWord).join(' ')}\n`
  );
}

function leftText(left: number, replicas: number): string {
  if (left === 0) return 'No replica is left.';
  if (left >= quorumsOf(replicas).replication) return `The other ${left} go on.`;
  return `Only ${left} of ${replicas} left: below the quorum, nothing can be committed.`;
}

/** As a POSIX shell must read it to get the word back. */
export function shellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'`;
}
