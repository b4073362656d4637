import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

/** Runs a program in which `exitOnBug` was called, to its end. */
function runWithExitOnBug(program: string): { readonly code: number | null; stderr: string } {
  const module = new URL('./process-end.ts', import.meta.url).href;
  const source = `import { exitOnBug } from ${JSON.stringify(module)}; exitOnBug(); ${program}`;
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--conditions=@kimberlite/source', '--input-type=module', '--eval', source],
    { encoding: 'utf8', timeout: 20_000 },
  );
  return { code: status, stderr };
}

describe('exitOnBug', () => {
  it.each([
    ['an exception in a callback', "setTimeout(() => { throw new Error('impossible') })"],
    ['a promise that nobody looks at', "Promise.reject(new Error('impossible'))"],
  ])('ends the process at %s: where it was, one line, and its code', (_name, bug) => {
    const { code, stderr } = runWithExitOnBug(`setInterval(() => {}, 1000); ${bug};`);
    expect(code).toBe(70);
    expect(stderr).toMatch(/^Error: impossible\n {4}at /);
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^error: impossible\. .+ \[internal\]$/);
  });

  it('says what a state machine did wrong, where it threw, and what to do', () => {
    const vsr = import.meta.resolve('@kimberlite/vsr');
    const { code, stderr } = runWithExitOnBug(
      `const { StateMachineError } = await import(${JSON.stringify(vsr)});
      const cause = new RangeError('not today');
      const error = new StateMachineError("the state machine's execute threw", cause);
      setTimeout(() => { throw error });`,
    );
    expect(code).toBe(37);
    expect(stderr).toMatch(/^RangeError: not today\n {4}at /);
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(
      /^error: the state machine's execute threw\. Nothing .+ \[state_machine_failed\]$/,
    );
  });

  it('leaves a process alone that has no bug', () => {
    expect(runWithExitOnBug('')).toEqual({ code: 0, stderr: '' });
  });
});
