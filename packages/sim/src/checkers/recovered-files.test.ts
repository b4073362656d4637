import { mix128 } from '@kimberlite/store';
import { encodeMessage, type Message, Op, View } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { RecoveredFiles } from './recovered-files.ts';

// Canaries: the checker is shown a refusal too much, and such as are right.

const FILE = 77n;
const REFUSED = {
  kind: 'dropped',
  command: 'commit',
  reason: 'other_incarnation',
  from: 2,
} as const;

function words(incarnation: bigint): Message<'startViewChange'> {
  return encodeMessage(
    'startViewChange',
    { cluster: 1n, replica: 2, view: View(1), release: 1, incarnation },
    new Uint8Array(0),
    mix128,
  );
}

/** Another superblock is durable. */
function noted(files: RecoveredFiles, slot: number): void {
  files.onTrace(slot, { kind: 'view_durable', view: View(1), logView: View(1) });
}

function refuse(files: RecoveredFiles, slot: number, incarnation = FILE): void {
  files.onReceive(slot, words(incarnation));
  files.onTrace(slot, REFUSED);
  files.onTaken();
}

describe('recovered files', () => {
  function recovered(): RecoveredFiles {
    const files = new RecoveredFiles(3);
    files.onTrace(0, { kind: 'sync_finished', op: Op(32) });
    files.onTrace(1, { kind: 'sync_finished', op: Op(16) });
    for (const slot of [0, 1]) for (let write = 0; write < 2; write += 1) noted(files, slot);
    files.onRecovered(2, { incarnation: FILE, since: 20 });
    return files;
  }

  it('are dealt with by who has the state that names them', () => {
    expect(() => refuse(recovered(), 0)).toThrow(
      'replica 0 executed op 32 and refuses the file of replica 2, which op 20 names',
    );
  });

  it('may be refused by who is not that far, or has just started', () => {
    const files = recovered();
    expect(() => refuse(files, 1)).not.toThrow();
    files.onStopped(0);
    expect(() => refuse(files, 0)).not.toThrow();
  });

  it('may be refused until they are noted durably', () => {
    const files = recovered();
    files.onRecovered(2, { incarnation: FILE, since: 40 });
    files.onTrace(0, { kind: 'sync_finished', op: Op(48) });
    noted(files, 0); // This write had begun before.
    expect(() => refuse(files, 0)).not.toThrow();
    noted(files, 0);
    expect(() => refuse(files, 0)).toThrow('executed op 48');
  });

  it('are not what a late message of the lost file says, or one given later', () => {
    const files = recovered();
    expect(() => refuse(files, 0, 5n)).not.toThrow();
    expect(() => files.onTrace(0, REFUSED)).not.toThrow();
    files.onDiskLost(2);
    expect(() => refuse(files, 0)).not.toThrow();
  });
});
