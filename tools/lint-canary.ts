/**
 * Proves that the linter is alive: every line of the fixtures in tools/lint-canary that carries
 * `// EXPECT <rule>` must be reported by that rule, and no other line may be. A rule that was
 * renamed, or a type-aware pass that silently did not run, would look green otherwise.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCaptured } from './lib/run.ts';

const fixtures = 'tools/lint-canary';

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
  readonly labels: readonly { readonly span: { readonly line: number } }[];
}

/** The lines that must be reported, as `file:line rule`. */
function expectedFindings(): ReadonlySet<string> {
  const expected = new Set<string>();
  for (const entry of readdirSync(fixtures, { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.ts')) continue;
    const file = join(fixtures, entry);
    const lines = readFileSync(file, 'utf8').split('\n');
    for (const [index, line] of lines.entries()) {
      const rule = /\/\/ EXPECT (\S+)$/.exec(line)?.[1];
      if (rule !== undefined) expected.add(`${file}:${index + 1} ${rule}`);
    }
  }
  return expected;
}

/** What the linter reported, in the same spelling: `eslint(eqeqeq)` is the rule `eqeqeq`. */
function reportedFindings(): ReadonlySet<string> {
  const { stdout } = runCaptured('oxlint', ['--type-aware', '--format', 'json', fixtures]);
  // SAFETY: the shape of oxlint's JSON report; a change of shape makes this gate fail, not pass.
  const report = JSON.parse(stdout) as { readonly diagnostics: readonly Diagnostic[] };
  const reported = new Set<string>();
  for (const diagnostic of report.diagnostics) {
    const rule = diagnostic.code
      .replace(/^eslint\((.*)\)$/, '$1')
      .replace(/^(\w+)\((.*)\)$/, '$1/$2');
    reported.add(`${diagnostic.filename}:${diagnostic.labels[0]?.span.line ?? 0} ${rule}`);
  }
  return reported;
}

const expected = expectedFindings();
const reported = reportedFindings();
const missed = [...expected].filter((finding) => !reported.has(finding));
const surplus = [...reported].filter((finding) => !expected.has(finding));
for (const finding of missed) process.stderr.write(`not reported: ${finding}\n`);
for (const finding of surplus) process.stderr.write(`reported but not expected: ${finding}\n`);
if (expected.size === 0 || missed.length > 0 || surplus.length > 0) {
  process.stderr.write('lint canary: the linter does not find what it must find\n');
  process.exitCode = 1;
} else {
  process.stdout.write(`lint canary: all ${expected.size} planted faults were found\n`);
}
