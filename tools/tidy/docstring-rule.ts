import { posix } from 'node:path';
import ts from 'typescript';
import type { Finding, Repository, Rule, SourceFile } from './finding.ts';

/**
 * Whoever uses a package sees the names of its index.ts and no source: each name says what it is in
 * a docstring where it is declared. A name whose declaration is not found is a finding as well, so
 * that no way of exporting goes past the rule.
 */
export const publicDocstring: Rule = (file, repository) => {
  if (!/^packages\/[^/]+\/src\/index\.ts$/.test(file.path)) return [];
  return exportsOf(file, repository).flatMap((exported) => {
    const { alias: name, line } = exported;
    const declared = declarationOf(exported, repository, new Set());
    if (declared === null) {
      const message = `the declaration of ${name} was not found: export it by name from its file`;
      return [{ rule: 'docstring', path: file.path, line, message }];
    }
    return declared.isDocumented ? [] : [findingOf(name, declared)];
  });
};

/** A name that a file gives to others or takes from them: which of which module, and where. */
interface Passed {
  /** As this file calls it. */
  readonly alias: string;
  /** As the module calls it. */
  readonly name: string;
  /** As written after `from`; null where it is this file itself. */
  readonly module: string | null;
  readonly file: SourceFile;
  readonly line: number;
}

/** Where a name is declared. A type and a value of one name share a docstring. */
interface Declared {
  readonly path: string;
  readonly line: number;
  readonly isDocumented: boolean;
}

function findingOf(name: string, { path, line }: Declared): Finding {
  const message = `${name} is public (its package's index.ts exports it) and has no docstring`;
  return { rule: 'docstring', path, line, message };
}

/**
 * Every name that a file exports. All names of a module that is not ours, or as one object, are
 * `*`, of which no declaration is found.
 */
function exportsOf(file: SourceFile, repository: Repository): Passed[] {
  const source = parsed(file);
  const lineOf = (node: ts.Node): number => lineAt(source, node);
  return source.statements.flatMap((statement): Passed[] => {
    if (!ts.isExportDeclaration(statement)) {
      if (!isExported(statement)) return [];
      const line = lineOf(statement);
      return namesOf(statement).map((name) => ({ alias: name, name, module: null, file, line }));
    }
    const module = moduleOf(statement);
    const { exportClause } = statement;
    const line = lineOf(statement);
    if (exportClause === undefined) return allOf(module, file, repository, line);
    if (!ts.isNamedExports(exportClause)) return [{ alias: '*', name: '*', module, file, line }];
    return exportClause.elements.map((element) => {
      return { ...namesIn(element), module, file, line: lineOf(element) };
    });
  });
}

/** The names of a module that a file passes on as a whole. */
function allOf(
  module: string | null,
  file: SourceFile,
  repository: Repository,
  line: number,
): Passed[] {
  const path = module === null ? file.path : pathOf(module, file.path);
  const text = repository.read(path);
  if (text === null || path === file.path) return [{ alias: '*', name: '*', module, file, line }];
  return exportsOf({ path, text }, repository).map(({ alias }) => {
    return { alias, name: alias, module, file, line };
  });
}

/** Follows a name through modules that pass it on to where it is declared; null for nowhere. */
function declarationOf(
  { name, module, file }: Passed,
  repository: Repository,
  seen: Set<string>,
): Declared | null {
  const path = module === null ? file.path : pathOf(module, file.path);
  const text = path === file.path ? file.text : repository.read(path);
  const place = `${path} ${name}`;
  if (text === null || seen.has(place)) return null;
  seen.add(place);
  const there = { path, text };
  const source = parsed(there);
  const statements = source.statements.filter((statement) => namesOf(statement).includes(name));
  const [first] = statements;
  if (first !== undefined) {
    return { path, line: lineAt(source, first), isDocumented: statements.some(hasDocstring) };
  }
  const passed = [...importsOf(there), ...exportsOf(there, repository)].find(({ alias }) => {
    return alias === name;
  });
  return passed === undefined ? null : declarationOf(passed, repository, seen);
}

/** Names that a file takes from other modules: it may export them as its own. */
function importsOf(file: SourceFile): Passed[] {
  const source = parsed(file);
  return source.statements.filter(ts.isImportDeclaration).flatMap((statement) => {
    const bindings = statement.importClause?.namedBindings;
    if (bindings === undefined || !ts.isNamedImports(bindings)) return [];
    const line = lineAt(source, statement);
    const module = moduleOf(statement);
    return bindings.elements.map((element) => {
      return { ...namesIn(element), module, file, line };
    });
  });
}

function parsed({ path, text }: SourceFile): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
}

/** The file of a module: beside the one that names it, or what a package of ours exports. */
function pathOf(module: string, from: string): string {
  const own = /^@kimberlite\/([\w-]+)$/.exec(module)?.[1];
  if (own !== undefined) return `packages/${own}/src/index.ts`;
  return posix.normalize(posix.join(posix.dirname(from), module));
}

function moduleOf({ moduleSpecifier }: ts.ExportDeclaration | ts.ImportDeclaration): string | null {
  if (moduleSpecifier === undefined || !ts.isStringLiteral(moduleSpecifier)) return null;
  return moduleSpecifier.text;
}

function namesIn({ name, propertyName }: ts.ExportSpecifier | ts.ImportSpecifier): {
  readonly alias: string;
  readonly name: string;
} {
  return { alias: name.text, name: (propertyName ?? name).text };
}

function isExported(statement: ts.Statement): boolean {
  if (!ts.canHaveModifiers(statement)) return false;
  const modifiers = ts.getModifiers(statement) ?? [];
  return modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
}

/** Names that a statement declares, at the top of a file. */
function namesOf(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) => {
      return ts.isIdentifier(name) ? [name.text] : [];
    });
  }
  const isNamed =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement);
  return isNamed && statement.name !== undefined ? [statement.name.text] : [];
}

function hasDocstring(statement: ts.Statement): boolean {
  return ts.getJSDocCommentsAndTags(statement).some((node) => {
    return ts.isJSDoc(node) && (ts.getTextOfJSDocComment(node.comment) ?? '').trim() !== '';
  });
}

function lineAt(source: ts.SourceFile, node: ts.Node): number {
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
}
