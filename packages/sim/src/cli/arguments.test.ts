import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from '../mutants/catalogue.ts';
import { SCENARIOS } from '../scenarios/registry.ts';
import { parseCommand } from './arguments.ts';
import { helpText } from './help.ts';
import { listJson, listText } from './list.ts';
import { COMMAND_NAMES, OPTIONS_OF } from './options.ts';

describe('command line', () => {
  it('reads a run', () => {
    expect(parseCommand(['run', '--seed', '7', '--runs', '10', '--jobs', '2'])).toMatchObject({
      kind: 'run',
      seed: 7n,
      runs: 10,
      jobs: 2,
      scenarios: ['swarm'],
      json: false,
    });
    expect(parseCommand(['run'])).toMatchObject({ kind: 'run', seed: null, runs: 1 });
  });

  it('uses all cores for more than one run, and no more than are asked for', () => {
    const cores = availableParallelism();
    const several = [['--runs', '2'], ['--for', '10m'], ['--all-scenarios']];
    for (const argv of several) {
      expect(parseCommand(['run', ...argv])).toMatchObject({ jobs: cores });
      expect(parseCommand(['run', ...argv, '--jobs', '3'])).toMatchObject({ jobs: 3 });
    }
    expect(parseCommand(['run', '--seed', '7'])).toMatchObject({ jobs: 1 });
    expect(parseCommand(['run', '--seed', '7', '--trace'])).toMatchObject({ jobs: 1 });
    const one = ['run', '--seed', '1', '--runs', '1', '--trace'];
    expect(parseCommand(one)).toMatchObject({ runs: 1, trace: true });
  });

  it('takes the older spelling', () => {
    const argv = ['--vsr-mode', '--scenario', 'baseline', '--iterations', '100', '--seed', '12345'];
    expect(parseCommand(argv)).toMatchObject({
      kind: 'run',
      scenarios: ['Baseline'],
      runs: 100,
      seed: 12345n,
    });
    expect(parseCommand(['scenarios'])).toEqual({ kind: 'list', part: null, json: false });
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
      ['run', '--seed', '18446744073709551615', '--runs', '2'],
      ['stats', '--seed', '18446744073709551615', '--runs', '2'],
      ['mutants', '--seed', '18446744073709551615'],
      ['run', '--runs', '0'],
      ['run', '--runs', 'many'],
      ['run', '--jobs', '1.5'],
      ['run', '--scenario', 'nonsense'],
      ['run', '--trace', '--runs', '2'],
      ['run', '--for', '10'],
      ['run', '--for', '0m'],
      ['run', '--shard', '3/2', '--seed', '1'],
      ['run', '--shard', '0/2', '--seed', '1'],
      ['run', '--shard', '1/2'],
      ['run', '--mutant', 'nonsense'],
      ['run', '--all-scenarios', '--scenario', 'swarm'],
      ['run', '--replays', '3'],
      ['repro'],
      ['repro', 'one.json', 'two.json'],
      ['repro', 'one.json', '--seed', '3'],
      ['timeline'],
      ['timeline', 'one.json', '--seed', '3'],
      ['minimize', 'one.json', '--replays', '0'],
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
    expect(parseCommand(['mutants', '--for', '10m'])).toMatchObject({ seconds: 600, runs: null });
    expect(parseCommand(['mutants', '--part', '98765/10', '--runs', '3'])).toMatchObject({
      part,
      runs: 3,
    });
    for (const wrong of ['10', '1/0', 'x/3', '1/2/3', '-1/3']) {
      expect(parseCommand(['mutants', `--part=${wrong}`]).kind, wrong).toBe('usage');
    }
  });

  it('shows help when nothing is asked', () => {
    expect(parseCommand([])).toEqual({ kind: 'help', about: null });
    for (const name of COMMAND_NAMES) {
      expect(parseCommand([name, '--help'])).toEqual({ kind: 'help', about: name });
      expect(helpText(name)).toMatch(new RegExp(`^vopr ${name}[^]*Example\\n  vopr `));
      // Whatever the command takes, its help names.
      for (const option of OPTIONS_OF[name]) {
        if (option !== 'iterations' && option !== 'vsr-mode') {
          expect(helpText(name), `${name} --${option}`).toContain(`--${option}`);
        }
      }
    }
  });

  it('takes names in any spelling', () => {
    for (const name of ['power_cuts', 'power-cuts', 'PowerCuts', 'POWER_CUTS', 'Power: Cuts']) {
      expect(parseCommand(['run', '--scenario', name])).toMatchObject({
        scenarios: ['power_cuts'],
      });
    }
    expect(parseCommand(['run', '--mutant', 'ReplyBeforeCommit'])).toMatchObject({
      mutant: 'reply_before_commit',
    });
    expect(parseCommand(['run', '--scenario', 'power'])).toMatchObject({
      error: "there is no scenario 'power'; perhaps power_cuts",
    });
    expect(parseCommand(['run', '--mutant', 'nope'])).toMatchObject({
      error: "there is no mutant 'nope'; 'vopr list' shows them",
    });
    for (const { name } of [...MUTANTS, ...SCENARIOS])
      expect(listText(null)).toContain(` ${name} `);
  });

  it('says in a sentence of its own what no run can have', () => {
    const errorOf = (...argv: string[]): string => {
      const command = parseCommand(argv);
      return command.kind === 'usage' ? command.error : `a ${command.kind}`;
    };
    const seed = '--seed -1: no seed is negative; there are those from 0 to 2^64 - 1';
    expect(errorOf('run', '--seed', '-1')).toBe(seed);
    expect(errorOf('run', '--seed=-1')).toBe(seed);
    expect(errorOf('timeline', '--seed', '-1')).toBe(seed);
    expect(errorOf('run', '--seed', '18446744073709551606', '--runs', '11')).toBe(
      '11 runs from --seed 18446744073709551606 go beyond the last seed, 2^64 - 1; ' +
        'there are 10 from there',
    );
    expect(errorOf('run', '--seed', '18446744073709551606', '--runs', '10')).toBe('a run');
    const time = '--for -5m is no time to run for; it takes one such as 90s, 10m or 8h';
    expect(errorOf('run', '--for', '-5m')).toBe(time);
    expect(errorOf('run', '--for', '0m')).toMatch(/^--for 0m is no time/);
    const runs = '--runs 0 asks for nothing; it takes a number from 1 to 100000000';
    expect(errorOf('run', '--runs', '0')).toBe(runs);
    expect(errorOf('run', '--runs', '-3')).toMatch(/^--runs takes a number from 1 .*, not '-3'$/);
    expect(errorOf('run', '--jobs', '0')).toMatch(/^--jobs 0 asks for nothing/);
    expect(errorOf('list', 'nope')).toMatch(/^there is no group 'nope'; there are core, byzantine/);
    expect(errorOf('list', 'core', 'gray')).toBe("'gray' is one word too many");
  });

  it('lists one group, and all as JSON', () => {
    expect(parseCommand(['list', 'Gray', '--json'])).toEqual({
      ...{ kind: 'list', part: 'gray', json: true },
    });
    expect(listText('gray')).toMatch(/^Scenarios\n {2}Gray failures \(gray\)\n/);
    expect(listText('gray')).not.toMatch(/Checkers|byzantine/);
    expect(listText('checkers')).toMatch(/^Checkers\n {4}one_history /);
    const all = JSON.parse(listJson(null)) as Record<string, readonly { name: string }[]>;
    expect(Object.keys(all)).toEqual(['scenarios', 'checkers', 'mutants']);
    expect(all['scenarios']?.map(({ name }) => name)).toEqual(SCENARIOS.map(({ name }) => name));
    expect(all['scenarios']?.[0]).toHaveProperty('property');
    expect(Object.keys(JSON.parse(listJson('mutants')) as object)).toEqual(['mutants']);
  });

  it('reads how long a campaign is, and which share of it', () => {
    expect(parseCommand(['run', '--for', '10m'])).toMatchObject({ seconds: 600, runs: null });
    expect(parseCommand(['run', '--for', '90s', '--runs', '7'])).toMatchObject({
      seconds: 90,
      runs: 7,
    });
    expect(parseCommand(['run', '--seed', '1', '--shard', '2/8', '--all-scenarios'])).toMatchObject(
      {
        shard: { index: 1, of: 8 },
        scenarios: SCENARIOS.map(({ name }) => name),
      },
    );
  });

  it('reads the commands that explain a failure', () => {
    expect(parseCommand(['repro', 'a.json', '--trace'])).toEqual({
      ...{ kind: 'repro', bundle: 'a.json', trace: true },
    });
    expect(parseCommand(['show', 'a.json'])).toEqual({ kind: 'show', bundle: 'a.json', events: 0 });
    expect(parseCommand(['minimize', 'a.json', '-o', 'b.json'])).toMatchObject({
      replays: 500,
      output: 'b.json',
    });
    expect(parseCommand(['timeline', '--seed', '3', '--scenario', 'swarm'])).toMatchObject({
      source: { seed: 3n, scenario: 'swarm', mutant: null },
      width: 100,
    });
    expect(parseCommand(['bisect', 'a.json'])).toEqual({ kind: 'bisect', bundle: 'a.json' });
    expect(parseCommand(['stats', 'a', 'b'])).toMatchObject({ kind: 'stats', paths: ['a', 'b'] });
  });
});
