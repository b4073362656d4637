import { posix } from 'node:path';
import type { Finding, Repository, Rule } from './finding.ts';

/** Folders whose paths are checked when a page names them in a code span. */
const rootFolders = 'packages|docs|tools|test|bench|examples|deploy';
const pathSpan = new RegExp(`\`((?:${rootFolders})/[\\w./-]+)\``, 'g');
const link = /!?\[[^\]]*\]\(([^()\s]+)(?:\s+"[^"]*")?\)/g;

/** The anchors of a page's headings, in the spelling that hosts of Markdown give them. */
export function headingAnchors(markdown: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  const seen = new Map<string, number>();
  for (const { line } of proseLines(markdown)) {
    const heading = /^#{1,6}\s+(.*)$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const slug = heading
      .toLowerCase()
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return anchors;
}

/** The lines of a page outside fenced code, with their numbers. */
function proseLines(
  markdown: string,
): readonly { readonly line: string; readonly number: number }[] {
  const lines: { line: string; number: number }[] = [];
  let fenced = false;
  for (const [index, line] of markdown.split('\n').entries()) {
    if (/^\s*(?:```|~~~)/.test(line)) fenced = !fenced;
    else if (!fenced) lines.push({ line, number: index + 1 });
  }
  return lines;
}

function linkFault(page: string, target: string, repository: Repository): string | null {
  if (/^[a-z][a-z+.-]*:/i.test(target)) return null;
  const [pathPart = '', anchor] = target.split('#');
  const path = pathPart === '' ? page : posix.normalize(posix.join(posix.dirname(page), pathPart));
  if (!repository.has(path.replace(/\/$/, ''))) return `link to a missing file: ${target}`;
  if (anchor === undefined || !path.endsWith('.md')) return null;
  const text = repository.read(path);
  if (text !== null && !headingAnchors(text).has(anchor)) {
    return `link to a missing heading: ${target}`;
  }
  return null;
}

/** Relative links, their anchors, and paths in code spans (the tables of docs/) must exist. */
export const documentReferences: Rule = (file, repository) => {
  if (!file.path.endsWith('.md')) return [];
  const findings: Finding[] = [];
  for (const { line, number } of proseLines(file.text)) {
    for (const match of line.replace(/`[^`]*`/g, '').matchAll(link)) {
      const message = linkFault(file.path, match[1] ?? '', repository);
      if (message !== null) {
        findings.push({ rule: 'document-link', path: file.path, line: number, message });
      }
    }
    for (const match of line.matchAll(pathSpan)) {
      const path = (match[1] ?? '').replace(/\/$/, '');
      if (path.includes('/dist') || repository.has(path)) continue;
      const message = `names a missing file: ${path}`;
      findings.push({ rule: 'document-path', path: file.path, line: number, message });
    }
  }
  return findings;
};

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** Versions are exact, and a runtime dependency has a page that says what else was looked at. */
export const dependencyPages: Rule = (file, repository) => {
  if (!/^(?:packages\/[^/]+\/)?package\.json$/.test(file.path)) return [];
  const findings: Finding[] = [];
  // SAFETY: npm has read this file before; a field of another shape is reported by npm itself.
  const manifest = JSON.parse(file.text) as Manifest;
  const report = (rule: string, name: string, message: string): void => {
    const line = file.text.split('\n').findIndex((text) => text.includes(`"${name}":`)) + 1;
    findings.push({ rule, path: file.path, line, message });
  };
  const all = { ...manifest.dependencies, ...manifest.devDependencies };
  for (const [name, version] of Object.entries(all)) {
    if (/^(?:npm:[\w@/-]+@)?\d+\.\d+\.\d+$/.test(version)) continue;
    report('exact-version', name, `${name} is not pinned to one version`);
  }
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    if (name.startsWith('@kimberlite/')) continue;
    const page = `docs/decisions/dependency-${name.replace(/^@/, '').replace('/', '-')}.md`;
    if (!repository.has(page)) report('dependency-page', name, `${name} has no ${page}`);
  }
  return findings;
};
