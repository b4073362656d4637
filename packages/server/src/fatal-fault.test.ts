import { describe, expect, it } from 'vitest';
import { fatalFault } from './fatal-fault.ts';

describe('a file that peers do not know as the member', () => {
  const of = (ran: boolean): ReturnType<typeof fatalFault> =>
    fatalFault('other_incarnation', { path: '/d/1.data', holdsOps: () => ran });

  it('is to be destroyed where it has run, for then `recover` has replaced it', () => {
    expect(of(true)).toMatchObject({
      code: 'data_file_replaced',
      exitCode: 35,
      message: '/d/1.data has been replaced by `recover`',
      remedy: expect.stringContaining('and destroy this one'),
    });
    expect(of(true).remedy).not.toMatch(/promised nothing|with its own file/);
  });

  it('has promised nothing where nothing was ever written to it', () => {
    expect(of(false)).toMatchObject({ code: 'data_file_replaced', exitCode: 35 });
    expect(of(false).message).toContain('it was formatted in its place');
    expect(of(false).remedy).toMatch(/^It promised nothing.*with its own file/);
  });
});
