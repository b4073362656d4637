import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

describe('npm run demo', () => {
  it('tells a request from the client to the commit on a quorum, in order, and ends well', () => {
    const script = 'examples/simulation.ts';
    const text = execFileSync(process.execPath, ['--conditions=@kimberlite/source', script], {
      cwd: root,
      encoding: 'utf8',
    });
    const place = (pattern: RegExp): number => text.search(pattern);
    const steps = [
      place(/client +-> replica \d +request/),
      place(/gives the request op \d/),
      place(/-> replica \d +prepare op/),
      place(/-> replica \d +prepare_ok op/),
      place(/commits op \d: on the disks of a quorum, 2 of 3/),
      place(/-> client +reply/),
    ];
    expect(steps.every((at) => at >= 0)).toBe(true);
    expect(steps).toEqual([...steps].sort((first, other) => first - other));
    expect(text.match(/-> replica \d +prepare op/g)).toHaveLength(2);
    expect(text.match(/commit \d+ <= op \d+: true/g)).toHaveLength(3);
  });
});

describe('npm run example:state-machine', () => {
  it('replicates the counters of the example, and refuses what they do not know', () => {
    const script = 'examples/state-machine.ts';
    const text = execFileSync(process.execPath, ['--conditions=@kimberlite/source', script], {
      cwd: root,
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(text).toBe(
      'added 1\nadded 2\nadded 3\nvisits: 6\nvisits, read locally: 6\noperation 18: ClientError: ' +
        "the cluster's state machine does not take this operation with this body\n",
    );
  }, 60_000);
});

describe('npm run example:testing', () => {
  it('passes the sound ticket office and finds the planted bug of the other, at one crash', () => {
    const script = 'examples/testing-state-machine.ts';
    const text = execFileSync(process.execPath, ['--conditions=@kimberlite/source', script], {
      cwd: root,
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(text).toMatch(/^sound: 3 runs, [1-9]\d* crashes, [1-9]\d* answers, no failure$/m);
    expect(text).toMatch(
      /^forgetful: seed \d+: determinism: request 0 of op \d+ does not do the same/m,
    );
    expect(text).toMatch(/^smallest run: [1-3] faults, /m);
    expect(text).toMatch(/ CRASH\n/);
  }, 60_000);
});
