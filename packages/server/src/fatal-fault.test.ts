import { describe, expect, it } from 'vitest';
import { fatalFault } from './fatal-fault.ts';

describe('a file that peers do not know as the member', () => {
  const of = (ran: boolean, recovered = false): ReturnType<typeof fatalFault> =>
    fatalFault('other_incarnation', {
      path: '/d/1.data',
      tookAPlace: () => recovered,
      holdsOps: () => ran,
    });

  it('is to be destroyed where it has run, for then `recover` has replaced it', () => {
    expect(of(true)).toMatchObject({
      code: 'data_file_replaced',
      exitCode: 35,
      message: '/d/1.data has been replaced by `recover`',
      remedy: expect.stringContaining('and destroy this one'),
    });
    expect(of(true).remedy).not.toMatch(/promised nothing|with its own file/);
  });

  it('was replaced by a newer `recover` where one made it and it never ran', () => {
    const fault = of(false, true);
    expect(fault).toMatchObject({ code: 'data_file_replaced', exitCode: 35 });
    expect(fault.message).toContain('was made by `recover`');
    expect(fault.message).toContain('replaced by a newer `recover`');
    expect(`${fault.message} ${fault.remedy}`).not.toMatch(/formatted|format all/);
    expect(of(true, true).message).toBe('/d/1.data has been replaced by `recover`');
  });

  it('has promised nothing where nothing was ever written to it', () => {
    expect(of(false)).toMatchObject({ code: 'data_file_replaced', exitCode: 35 });
    expect(of(false).message).toContain('it was formatted in its place');
    expect(of(false).remedy).toMatch(/^It promised nothing.*with its own file/);
  });
});
