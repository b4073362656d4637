import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
/** A planted bug that fails within a run or two, whatever the seed. */
const MUTANT = 'replication_quorum_less_one';
const CORRECTNESS = 129;

let folder = '';
let bundle = '';

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

function vopr(...args: string[]): Ended {
  const argv = ['--conditions=@kimberlite/source', main, ...args];
  const done = spawnSync(process.execPath, argv, { cwd: folder, encoding: 'utf8' });
  return { code: done.status, out: done.stdout, errors: done.stderr };
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vopr-test-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Every tool on one real failure: a planted bug, found, bundled, and explained. */
describe('a failure of a planted bug', { timeout: 120_000 }, () => {
  let found: Ended;

  beforeAll(() => {
    // One at a time, so that the first failure is the only one.
    const campaign = ['--seed', '2', '--runs', '20', '--jobs', '1', '--fail-fast'];
    found = vopr('run', '--mutant', MUTANT, ...campaign, '--bundles', 'bundles');
    const [name] = readdirSync(join(folder, 'bundles'));
    bundle = join(folder, 'bundles', name ?? '');
  }, 120_000);

  it('is told in one line, explained, and left in a bundle', () => {
    expect(found.code).toBe(CORRECTNESS);
    expect(found.out).toMatch(
      /^FAILED correctness: quorum_durable: op \d+ .*event \d+, tick \d+$/m,
    );
    expect(found.out).toMatch(
      /broken: quorum_durable: an op that anybody commits was on the disks/,
    );
    expect(found.out).toMatch(/by replica \d, at op \d+, event \d+, tick \d+/);
    expect(found.out).toMatch(/bundle: bundles\/replication_quorum_less_one-swarm-\d+\.json/);
    expect(readFileSync(bundle, 'utf8').length).toBeLessThan(8_192);
  });

  it('is reproduced at the same event, and shown', () => {
    const again = vopr('repro', bundle);
    expect(again.out).toMatch(/^reproduced: correctness: quorum_durable/);
    expect(again.code).toBe(CORRECTNESS);
    const shown = vopr('show', bundle, '--events', '3');
    expect(shown.out).toContain(`planted bug: ${MUTANT}`);
    expect(shown.out).toMatch(/committed op \d+/);
    expect(shown.code).toBe(0);
  });

  it('has a timeline', () => {
    const { out, code } = vopr('timeline', bundle, '--width', '60');
    expect(out).toMatch(/^replica 0 +[Pbvrs=.]+$/m);
    expect(out).toMatch(/correctness: quorum_durable/);
    expect(code).toBe(0);
  });

  it('is bisected and minimised, and the smallest run fails too', () => {
    const bisected = vopr('bisect', bundle);
    expect(bisected.out).toMatch(/first sign: .*\nno way back: from/);
    const smallest = join(folder, 'smallest.json');
    const minimised = vopr('minimize', bundle, '--replays', '60', '-o', smallest);
    expect(minimised.out).toMatch(/before: \d+ faults.*\nafter: +\d+ faults/);
    const again = vopr('repro', smallest);
    expect(again.out).toMatch(/^reproduced: correctness: quorum_durable/);
  });

  it('is told all the same where its bundle cannot be written', () => {
    const name = basename(bundle);
    mkdirSync(join(folder, 'taken', name), { recursive: true });
    const seed = /(\d+)\.json$/.exec(name)?.[1] ?? '';
    const one = ['run', '--mutant', MUTANT, '--seed', seed, '--bundles', 'taken'];
    const { code, out } = vopr(...one);
    expect(code).toBe(CORRECTNESS);
    expect(out).toMatch(/^FAILED correctness: quorum_durable: .*swarm seed \d+/m);
    expect(out).toContain(`  no bundle: taken/${name} cannot be written (EISDIR)\n`);
    expect(out).toMatch(/^1\/1 runs, 1 failed/m);
  });

  it('is not minimised for a path that cannot be written', () => {
    const below = join(bundle, 'x.json');
    expect(vopr('minimize', bundle, '-o', below)).toMatchObject({ code: 2, out: '' });
    const { code, errors } = vopr('minimize', bundle, '-o', 'absent/x.json');
    expect(errors).toMatch(/^vopr: there is no directory absent$/m);
    expect(code).toBe(2);
    expect(existsSync(join(folder, 'absent'))).toBe(false);
  });

  it('is counted', () => {
    const { out } = vopr('stats', 'bundles');
    expect(out).toMatch(/0 results, 1 bundles\n +1 {2}quorum_durable \(swarm \d+\)/);
  });

  it('is said to be gone where the bug is not', () => {
    const value = JSON.parse(readFileSync(bundle, 'utf8')) as Record<string, unknown>;
    const sound = join(folder, 'sound.json');
    writeFileSync(sound, JSON.stringify({ ...value, mutant: null, commit: 'older' }));
    const again = vopr('repro', sound);
    expect(again.out).toMatch(/^NOT the same: no failure/);
    expect(again.errors).toMatch(/note: written by commit older/);
    expect(again.code).toBe(1);
    expect(vopr('minimize', sound).code).toBe(1);
  });

  it('can not be read from what is no bundle', () => {
    const wrong = join(folder, 'wrong.json');
    writeFileSync(wrong, '{"format": "kimberlite_vopr_bundle", "version": 1}');
    const { code, errors } = vopr('timeline', wrong);
    expect(errors).toMatch(/^vopr: .*wrong\.json: scenario must be a text \(it is missing\)$/m);
    expect(code).toBe(2);
    expect(vopr('repro', join(folder, 'absent.json'))).toMatchObject({ code: 2 });
  });

  it('can not be replayed with parameters that no run can have', () => {
    const value = JSON.parse(readFileSync(bundle, 'utf8')) as { readonly options: object };
    const edited = join(folder, 'edited.json');
    writeFileSync(
      edited,
      JSON.stringify({ ...value, options: { ...value.options, replicaCount: 99 } }),
    );
    const { code, errors } = vopr('repro', edited);
    expect(errors).toMatch(/edited\.json: options\.replicaCount must be .* from 1 to 6, not 99$/m);
    expect(code).toBe(2);
  });
});

describe('vopr', { timeout: 60_000 }, () => {
  it('takes the older spelling, and prints its result as JSON', () => {
    const older = ['--vsr-mode', '--scenario', 'Baseline', '--iterations', '1', '--seed', '12345'];
    const { code, out } = vopr(...older, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ scenario: 'Baseline', runs: 1, seed: '12345' });
    expect(vopr('scenarios').out).toMatch(/^ +baseline /im);
  });

  it('runs nothing where failures could not leave their bundles', () => {
    writeFileSync(join(folder, 'file'), '');
    const { code, out, errors } = vopr('run', '--seed', '1', '--bundles', 'file/x');
    expect(errors).toBe('vopr: --bundles file/x: the directory file/x cannot be made (ENOTDIR)\n');
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });

  it('ends without a word when nobody reads on', () => {
    const list = `'${process.execPath}' --conditions=@kimberlite/source '${main}' list`;
    const { stdout, stderr } = spawnSync('sh', ['-c', `${list} | head -1`], { encoding: 'utf8' });
    expect(stdout).toBe('Scenarios\n');
    expect(stderr).toBe('');
  });

  it('counts seeds', () => {
    const { out, code } = vopr('stats', '--seed', '3', '--runs', '1', '--scenario', 'baseline');
    expect(out).toMatch(/ok 1, crash 0/);
    expect(out).toMatch(/^requests_answered +\d+/m);
    expect(code).toBe(0);
  });
});
