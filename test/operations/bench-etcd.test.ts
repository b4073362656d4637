// needs: etcd (Debian: etcd-server)
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Report } from '../../bench/lib/report.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Data directories of benchmarks that are there now. */
function directories(): string[] {
  const cache = `${root}/node_modules/.cache`;
  try {
    return readdirSync(cache).filter((name) => name.startsWith('kimberlite-bench-'));
  } catch {
    return [];
  }
}

async function runBench(args: readonly string[]): Promise<{ report: Report; table: string }> {
  const command = ['--conditions=@kimberlite/source', 'bench/run.ts', ...args];
  const options = { cwd: root, maxBuffer: 16 * 1024 * 1024 };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, command, options);
  // SAFETY: every field that is used is looked at below.
  return { report: JSON.parse(stdout) as Report, table: stderr };
}

// Aim: the comparison runs to its end and reports what docs/benchmarks.md says. How fast either
// system is, is no matter of a test.
describe('npm run bench', () => {
  it('compares three replicas with three members of etcd, and leaves nothing behind', async () => {
    const before = directories();
    const { report, table } = await runBench(
      '--size dev --seconds 0.2 --warmup 0.1 --rounds 2 --callers 1,8 --keys 100'.split(' '),
    );
    expect(directories()).toEqual(before);
    expect(report.workload).toEqual({
      keys: 100,
      value_size: 256,
      seconds: 0.2,
      warmup_seconds: 0.1,
      rounds: 2,
    });
    expect(Object.keys(report.systems)).toEqual(['kimberlite', 'etcd']);
    for (const { description, loads } of Object.values(report.systems)) {
      expect(description['version']).toMatch(/^\d+\.\d+\.\d+/);
      expect(loads.map(({ callers }) => callers)).toEqual([1, 8]);
      for (const { median, rounds } of loads) {
        expect(rounds).toHaveLength(2);
        expect(median.operations_per_second).toBeGreaterThan(0);
        expect(median.p50_ms).toBeGreaterThan(0);
        // Counted in hundredths of a second: so short a load may have used none.
        expect(median.client_cpu_us_per_operation).toBeGreaterThanOrEqual(0);
        expect(median.members_cpu_us_per_operation).toBeGreaterThanOrEqual(0);
        expect(median.members_resident_bytes).toBeGreaterThan(0);
        for (const round of rounds) {
          expect(round.errors).toBe(0);
          expect(round.operations).toBeGreaterThan(0);
          expect(round.p50_ms).toBeLessThanOrEqual(round.p99_ms);
          expect(round.p99_ms).toBeLessThanOrEqual(round.p999_ms);
          expect(round.p999_ms).toBeLessThanOrEqual(round.max_ms);
          // Three members and the client.
          expect(Object.keys(round.cpu_seconds)).toHaveLength(4);
          expect(Object.keys(round.resident_bytes)).toHaveLength(4);
        }
      }
    }
    expect(report.ratios.map(({ callers }) => callers)).toEqual([1, 8]);
    const [first] = report.ratios;
    const [ours, theirs] = ['kimberlite', 'etcd'].map((name) => report.systems[name]?.loads[0]);
    const quotient = (ours?.median.p50_ms ?? 0) / (theirs?.median.p50_ms ?? 1);
    expect(first?.p50).toBeCloseTo(quotient, 2);
    expect(table).toMatch(/ratio +put +1 /);
  });

  it('compares reads too, of both levels that etcd has', async () => {
    const args = '--size dev --seconds 0.1 --warmup 0.1 --rounds 1 --callers 4 --keys 10';
    const { report } = await runBench([...args.split(' '), '--operations', 'put,get,get_local']);
    expect(report.ratios.map(({ operation }) => operation)).toEqual(['put', 'get', 'get_local']);
    for (const { loads } of Object.values(report.systems)) {
      for (const { rounds } of loads) expect(rounds.map(({ errors }) => errors)).toEqual([0]);
    }
  });

  it('measures Kimberlite alone when it is asked to', async () => {
    const { report } = await runBench(
      '--size dev --seconds 0.1 --warmup 0 --rounds 1 --callers 4 --no-etcd'.split(' '),
    );
    expect(Object.keys(report.systems)).toEqual(['kimberlite']);
    expect(report.ratios).toEqual([]);
  });
});
