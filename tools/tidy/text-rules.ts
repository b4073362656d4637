import { type Lockfile, missingOptionals } from '../lib/lockfile.ts';
import type { Finding, Rule, SourceFile } from './finding.ts';

const linesMax = 500;
const columnsMax = 100;
/** A run without a space that can not be broken (a URL, a test vector) excuses a long line. */
const unbreakableRun = /\S{80,}/;
/** A message for people stays on one line, so that it can be searched for, within reason. */
const loneString = /^\s*(?:\w+: |return |\+ )?(['"`]).*\1[,;)]*$/;
const loneStringColumnsMax = 140;

const code = /\.(?:ts|mts|js|mjs|cjs)$/;

function isCode(file: SourceFile): boolean {
  return code.test(file.path);
}

function isLockfile(file: SourceFile): boolean {
  return file.path === 'package-lock.json';
}

function findLines(
  file: SourceFile,
  rule: string,
  message: string,
  matches: (line: string) => boolean,
): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [index, line] of file.text.split('\n').entries()) {
    if (matches(line)) findings.push({ rule, path: file.path, line: index + 1, message });
  }
  return findings;
}

/** A code file is split by concept before it has 500 lines. */
export const fileLength: Rule = (file) => {
  const lines = file.text.split('\n').length - (file.text.endsWith('\n') ? 1 : 0);
  if (!isCode(file) || lines <= linesMax) return [];
  const message = `${lines} lines; split the file by concept, at most ${linesMax}`;
  return [{ rule: 'file-length', path: file.path, line: linesMax + 1, message }];
};

/** The formatter breaks code; comments and strings are broken by hand. */
export const lineLength: Rule = (file) => {
  if (!isCode(file)) return [];
  return findLines(file, 'line-length', `more than ${columnsMax} columns`, (line) => {
    const columns = line.length;
    if (columns <= columnsMax || unbreakableRun.test(line)) return false;
    return columns > loneStringColumnsMax || !loneString.test(line);
  });
};

/** A marker says who looks after it and why it is not done now; the urgent kind may not land. */
export const marker: Rule = (file) => {
  if (isLockfile(file)) return [];
  return findLines(
    file,
    'marker',
    'a note for later names its keeper and its reason: TODO(name): why not now',
    (line) => /\bFIX[M]E\b/.test(line) || /\bTODO\b(?!\(\w[\w-]*\): \S+)/.test(line),
  );
};

/** Paths of one machine mean nothing on another. */
export const machinePath: Rule = (file) => {
  if (isLockfile(file)) return [];
  return findLines(file, 'machine-path', 'an absolute path of one machine', (line) =>
    /(?<![\w.~$}*)-])\/(?:work|root|home\/\w+|Users\/\w+)\//.test(line),
  );
};

/** Whoever reads the repository cannot open other texts: their numbers say nothing there. */
export const foreignReference: Rule = (file) => {
  if (isLockfile(file)) return [];
  return findLines(
    file,
    'foreign-reference',
    'a text that is not in the repository: name a rule or a page of docs',
    (line) => /\bDESIGN \d|\bprotocol[-]rules\b|\bH-\d\d/.test(line),
  );
};

/** Packages come from the public registry; no other host is written into the repository. */
export const registryHost: Rule = (file) => {
  return findLines(file, 'registry-host', 'a registry host in the repository', (line) => {
    if (/^\s*(?:@[\w-]+:)?registry\s*=/.test(line)) return true;
    for (const match of line.matchAll(/https?:\/\/([\w.-]+(?::\d+)?)/g)) {
      const host = match[1] ?? '';
      if (/registry|artifactory|verdaccio|nexus/.test(host) && host !== 'registry.npmjs.org') {
        return true;
      }
    }
    return false;
  });
};

/** The lockfile names workspaces only: an integrity hash says what to fetch, not from where. */
export const lockfileHost: Rule = (file) => {
  if (!isLockfile(file)) return [];
  return findLines(file, 'lockfile-host', 'the lockfile names a host', (line) =>
    /"resolved":\s*"[a-z+]+:/.test(line),
  );
};

/** `npm ci` refuses a lockfile that leaves out a platform's binary, on every platform. */
export const lockfileComplete: Rule = (file) => {
  if (!isLockfile(file)) return [];
  // SAFETY: npm has written this file.
  const missing = missingOptionals(JSON.parse(file.text) as Lockfile);
  if (missing.length === 0) return [];
  const names = missing.map(({ name }) => name).join(', ');
  const message = `no entry for ${names}: run npm run lockfile`;
  return [{ rule: 'lockfile-complete', path: file.path, line: 1, message }];
};

/** One name for one thing, the same at every import. Tools that demand a default are excepted. */
export const defaultExport: Rule = (file) => {
  if (!isCode(file) || /(?:\.config\.ts|^\.dependency-cruiser\.mjs)$/.test(file.path)) return [];
  return findLines(file, 'default-export', 'use a named export', (line) =>
    /^export (?:default\b|\{[^}]*\bas default\b)/.test(line),
  );
};
