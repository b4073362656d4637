import ts from 'typescript';
import type { Finding, Rule } from './finding.ts';

/**
 * A type assertion switches the compiler off, so it appears only where a reader expects it: in a
 * function whose declared result is the asserted type (a branding constructor, a decoder after
 * its checks), or under a `SAFETY:` comment that says why it holds. `as const` is no assertion.
 */
export const typeAssertion: Rule = (file) => {
  if (!/^packages\/.*\.ts$/.test(file.path) || file.path.endsWith('.test.ts')) return [];
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2023, true);
  const findings: Finding[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isAsExpression(node) && !isConst(node) && !isDeclaredResult(node, source)) {
      if (!hasSafetyComment(node, source)) {
        const line = source.getLineAndCharacterOfPosition(node.type.getStart(source)).line + 1;
        const message = `as ${node.type.getText(source)} without a SAFETY: comment`;
        findings.push({ rule: 'type-assertion', path: file.path, line, message });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return findings;
};

function isConst(node: ts.AsExpression): boolean {
  return ts.isConstTypeReference(node.type);
}

/** Whether the nearest function around the assertion declares that very type as its result. */
function isDeclaredResult(node: ts.AsExpression, source: ts.SourceFile): boolean {
  for (let parent: ts.Node = node.parent; parent !== source; parent = parent.parent) {
    if (!ts.isFunctionLike(parent)) continue;
    const declared = parent.type?.getText(source);
    if (declared === undefined) return false;
    const asserted = node.type.getText(source);
    return declared.split('|').some((part) => part.trim() === asserted);
  }
  return false;
}

/**
 * Whether a comment says why: on the lines of the innermost statement, or directly above any
 * statement, member or function around the assertion (one comment may cover a whole function).
 */
function hasSafetyComment(node: ts.AsExpression, source: ts.SourceFile): boolean {
  const lines = source.text.split('\n');
  const lineOf = (position: number): number => source.getLineAndCharacterOfPosition(position).line;
  let innermost = true;
  for (let parent: ts.Node = node; parent !== source; parent = parent.parent) {
    if (!ts.isStatement(parent) && !ts.isClassElement(parent)) continue;
    const start = lineOf(parent.getStart(source));
    let first = start;
    while (first > 0 && /^\s*(?:\/\/|\*|\/\*)/.test(lines[first - 1] ?? '')) first -= 1;
    const last = innermost ? lineOf(node.type.getEnd()) + 1 : start;
    innermost = false;
    if (lines.slice(first, last).some((line) => /(?:\/\/|\*).*\bSAFETY:/.test(line))) return true;
  }
  return false;
}
