import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { endedText, shellWord } from './ended-text.ts';

const end = { slot: 1, code: null, signal: 'SIGKILL', line: '' } as const;
const command = ['start', '--data-file=/data/replica-1.data', '--cluster=7'];

describe('what dev says of a replica that ended', () => {
  it('tells whether the others are a quorum', () => {
    const text = (left: number, replicas: number): string =>
      endedText({ end, replicas, left, command });
    expect(text(2, 3)).toContain('replica 1 ended (SIGKILL) and is not restarted. The other 2 go');
    expect(text(1, 3)).toContain('Only 1 of 3 left: below the quorum, nothing can be committed.');
    expect(text(3, 5)).toContain('The other 3 go on.');
    expect(text(2, 5)).toContain('Only 2 of 5 left: below the quorum');
    expect(text(0, 1)).toContain('No replica is left.');
  });

  it('ends with a command to paste', () => {
    const text = endedText({ end, replicas: 3, left: 2, command });
    expect(text.split(' Start it again with: ')[1]).toBe(
      'npx kimberlite start --data-file=/data/replica-1.data --cluster=7\n',
    );
  });

  it('quotes what a shell would take apart', () => {
    const words = ['plain', '--data-file=/my data/0', "it's", '$HOME', '`id`', ''];
    const line = words.map(shellWord).join(' ');
    const seen = execFileSync('/bin/sh', ['-c', `printf '%s\\n' ${line}`], { encoding: 'utf8' });
    expect(seen).toBe(`${words.join('\n')}\n`);
  });
});
