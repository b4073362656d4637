import { spawnSync } from 'node:child_process';
import process from 'node:process';

/** The commit of the sources, with a plus when they were changed since; `unknown` outside git. */
export function commitName(): string {
  const given = process.env['VOPR_COMMIT'];
  if (given !== undefined && given !== '') return given;
  const cwd = new URL('.', import.meta.url);
  const git = (...args: string[]): string => {
    const done = spawnSync('git', args, { cwd, encoding: 'utf8' });
    return done.status === 0 ? done.stdout.trim() : '';
  };
  const commit = git('rev-parse', '--short=12', 'HEAD');
  if (commit === '') return 'unknown';
  return git('status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}+`;
}
