import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program of the host that an operations test starts, and the Debian package that has it. */
export interface HostProgram {
  readonly command: string;
  readonly debianPackage: string;
}

const folder = 'test/operations';

/** The test files of `npm run test:operations`, as paths from the root. */
export function operationsTests(): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => join(folder, path))
    .sort();
}

/** What a test file asks for by its comments `// needs: etcd (Debian: etcd-server)`. */
export function neededPrograms(text: string): readonly HostProgram[] {
  const programs: HostProgram[] = [];
  for (const match of text.matchAll(/^\/\/ needs: (\S+) \(Debian: (\S+)\)$/gm)) {
    programs.push({ command: match[1] ?? '', debianPackage: match[2] ?? '' });
  }
  return programs;
}

/** The programs that the tests ask for and this machine lacks, each once. */
export function missingPrograms(tests: readonly string[]): readonly HostProgram[] {
  const needed = new Map<string, HostProgram>();
  for (const test of tests) {
    for (const program of neededPrograms(readFileSync(test, 'utf8'))) {
      needed.set(program.command, program);
    }
  }
  return [...needed.values()].filter(({ command }) => !isInstalled(command));
}

function isInstalled(command: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((path) => {
    try {
      accessSync(join(path, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
