import { mix128 } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import {
  isMachineName,
  MACHINE_NAME_MAX,
  type MachineParts,
  machineIdentityOf,
  machineNameHash,
  readMachineName,
  writeMachineName,
} from './machine-identity.ts';

const first = { id: 16, name: 'counters', combine: null };
const second = { id: 17, name: 'names', combine: null };

function idOf(parts: MachineParts): bigint {
  return machineIdentityOf(parts, mix128).id;
}

describe('the identity of a state machine', () => {
  it('is its name and the ids and names of its tables, in whatever order they are listed', () => {
    const own = idOf({ name: 'app', tables: [first, second] });
    expect(idOf({ name: 'app', tables: [second, first] })).toBe(own);
    const combine = (older: Uint8Array | null, delta: Uint8Array): Uint8Array => older ?? delta;
    expect(idOf({ name: 'app', tables: [{ ...first, combine }, second] })).toBe(own);
  });

  it('differs with any of them', () => {
    const parts: MachineParts[] = [
      { name: 'app', tables: [first, second] },
      { name: 'app2', tables: [first, second] },
      { name: 'app', tables: [first] },
      { name: 'app', tables: [] },
      { name: 'app', tables: [{ ...first, id: 0x10010 }, second] },
      { name: 'app', tables: [{ ...first, name: 'counter' }, second] },
      {
        name: 'app',
        tables: [
          { ...first, name: 'names' },
          { ...second, name: 'counters' },
        ],
      },
    ];
    expect(new Set(parts.map(idOf)).size).toBe(parts.length);
    expect(machineNameHash('app', mix128)).not.toBe(machineNameHash('app2', mix128));
  });

  it.each(['a', 'kimberlite.kernel', 'My', '', 'a b', 'é', 'a'.repeat(65)])(
    'has a name of few characters, which a file keeps: %s',
    (name) => {
      const sound = /^[a-z.]+$/.test(name) && name.length <= MACHINE_NAME_MAX;
      expect(isMachineName(name)).toBe(sound);
      if (!sound) return;
      const bytes = new Uint8Array(80);
      writeMachineName(bytes, 8, name);
      expect(readMachineName(bytes, 8)).toBe(name);
    },
  );

  it('is not read where none was written, or where more was', () => {
    const bytes = new Uint8Array(MACHINE_NAME_MAX);
    expect(readMachineName(bytes, 0)).toBeNull();
    writeMachineName(bytes, 0, 'app');
    bytes[9] = 1;
    expect(readMachineName(bytes, 0)).toBeNull();
  });
});
