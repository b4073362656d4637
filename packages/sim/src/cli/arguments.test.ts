import { describe, expect, it } from 'vitest';
import { parseCommand } from './arguments.ts';

describe('command line', () => {
  it('reads a run', () => {
    expect(parseCommand(['run', '--seed', '7', '--runs', '10', '--jobs', '2'])).toMatchObject({
      kind: 'run',
      seed: 7n,
      runs: 10,
      jobs: 2,
      scenario: 'swarm',
      json: false,
    });
    expect(parseCommand(['run'])).toMatchObject({ kind: 'run', seed: null, runs: 1 });
  });

  it('takes the older spelling', () => {
    const argv = ['--vsr-mode', '--scenario', 'baseline', '--iterations', '100', '--seed', '12345'];
    expect(parseCommand(argv)).toMatchObject({
      kind: 'run',
      scenario: 'Baseline',
      runs: 100,
      seed: 12345n,
    });
    expect(parseCommand(['scenarios'])).toEqual({ kind: 'list' });
    expect(parseCommand(['-s', '3', '-n', '4'])).toMatchObject({ seed: 3n, runs: 4 });
  });

  it('refuses what it does not know', () => {
    const wrong = [
      ['--bogus'],
      ['frobnicate'],
      ['replay', '--help'],
      ['run', 'twice'],
      ['run', '--seed', '-1'],
      ['run', '--seed', '18446744073709551616'],
      ['run', '--runs', '0'],
      ['run', '--runs', 'many'],
      ['run', '--jobs', '1.5'],
      ['run', '--scenario', 'nonsense'],
      ['run', '--trace', '--runs', '2'],
    ];
    for (const argv of wrong) expect(parseCommand(argv).kind, argv.join(' ')).toBe('usage');
    expect(parseCommand(['run', '--seed', '18446744073709551615']).kind).toBe('run');
  });

  it('reads which mutants to plant', () => {
    expect(parseCommand(['mutants', 'reply_before_commit'])).toMatchObject({
      kind: 'mutants',
      runs: null,
      names: ['reply_before_commit'],
      part: { index: 0, of: 1 },
    });
    const part = { index: 5, of: 10 };
    expect(parseCommand(['mutants', '--part', '98765/10', '--runs', '3'])).toMatchObject({
      part,
      runs: 3,
    });
    for (const wrong of ['10', '1/0', 'x/3', '1/2/3', '-1/3']) {
      expect(parseCommand(['mutants', `--part=${wrong}`]).kind, wrong).toBe('usage');
    }
  });

  it('shows help when nothing is asked', () => {
    expect(parseCommand([]).kind).toBe('help');
    expect(parseCommand(['mutants', '--help']).kind).toBe('help');
  });
});
