/**
 * `npm run tidy`: the small rules of this repository that no other tool checks. Looks at every
 * file that git tracks or would track, prints `path:line rule: message`, and fails on a finding.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import type { Finding, Repository } from './finding.ts';
import { rules } from './rules.ts';

/** Fixtures that are wrong on purpose. */
const excluded = /^tools\/(?:lint|boundary)-canary\//;
const text =
  /\.(?:ts|mts|js|mjs|cjs|json|md|sh|toml|ya?ml|html|css|service|txt)$|^[^.]+$|^\.[^.]+$/;

const paths = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', '-z'],
  {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  },
)
  .split('\0')
  .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);

const known = new Set<string>();
for (const path of paths) {
  const parts = path.split('/');
  for (let length = 1; length <= parts.length; length++)
    known.add(parts.slice(0, length).join('/'));
}

const repository: Repository = {
  has: (path) => known.has(path),
  read: (path) => (known.has(path) ? readFileSync(path, 'utf8') : null),
};

const findings: Finding[] = [];
let looked = 0;
for (const path of paths) {
  if (excluded.test(path) || !text.test(path)) continue;
  looked += 1;
  const file = { path, text: readFileSync(path, 'utf8') };
  for (const rule of rules) findings.push(...rule(file, repository));
}

for (const { path, line, rule, message } of findings) {
  process.stdout.write(`${path}:${line} ${rule}: ${message}\n`);
}
process.stdout.write(`tidy: ${looked} files, ${findings.length} findings\n`);
process.exitCode = findings.length === 0 && looked > 0 ? 0 : 1;
