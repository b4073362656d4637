/**
 * `npm run boundaries`: the package boundaries of .dependency-cruiser.mjs, in two steps. The
 * fixture comes first: each import in tools/boundary-canary that carries `// EXPECT <rules>` must
 * be reported by these rules. A checker that finds nothing because it can not read TypeScript
 * would otherwise pass for a clean repository.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCaptured, runInherited } from './lib/run.ts';

const configuration = ['--config', '.dependency-cruiser.mjs'];
const fixtures = 'tools/boundary-canary';

interface CruiseReport {
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly rule: { readonly name: string };
    }[];
  };
}

/** How many breaches of each rule each fixture plants, as `file rule` → count. */
function plantedBreaches(): ReadonlyMap<string, number> {
  const planted = new Map<string, number>();
  for (const entry of readdirSync(fixtures, { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.ts')) continue;
    const file = join(fixtures, entry);
    for (const match of readFileSync(file, 'utf8').matchAll(/\/\/ EXPECT (.+)$/gm)) {
      for (const rule of (match[1] ?? '').split(' ')) {
        planted.set(`${file} ${rule}`, (planted.get(`${file} ${rule}`) ?? 0) + 1);
      }
    }
  }
  return planted;
}

/** What the checker reports for the fixtures, in the same spelling. */
function reportedBreaches(): ReadonlyMap<string, number> {
  const { stdout } = runCaptured('depcruise', [...configuration, '-T', 'json', fixtures]);
  // SAFETY: the shape of the JSON report; a change of shape makes this gate fail, not pass.
  const report = JSON.parse(stdout) as CruiseReport;
  const reported = new Map<string, number>();
  for (const { from, rule } of report.summary.violations) {
    reported.set(`${from} ${rule.name}`, (reported.get(`${from} ${rule.name}`) ?? 0) + 1);
  }
  return reported;
}

/** Whether the checker is alive. A cycle is reported once, at the file where it is marked. */
function canaryIsAlive(): boolean {
  const planted = plantedBreaches();
  const reported = reportedBreaches();
  let alive = planted.size > 0;
  for (const [breach, count] of planted) {
    if ((reported.get(breach) ?? 0) === count) continue;
    process.stderr.write(`boundary canary: not reported: ${breach}\n`);
    alive = false;
  }
  for (const breach of reported.keys()) {
    if (planted.has(breach)) continue;
    process.stderr.write(`boundary canary: reported but not planted: ${breach}\n`);
    alive = false;
  }
  if (alive)
    process.stdout.write(`boundary canary: all ${planted.size} planted breaches were found\n`);
  return alive;
}

if (!canaryIsAlive()) {
  process.stderr.write('boundaries: the checker does not find what it must find\n');
  process.exitCode = 1;
} else {
  process.exitCode = runInherited('depcruise', [...configuration, 'packages']);
}
