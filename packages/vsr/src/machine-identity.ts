import type { ChecksumFunction } from '@kimberlite/store';
import type { StateMachine } from './state-machine.ts';

/** What tells one state machine from another: nothing of what it executes, only what it is. */
export type MachineParts = Pick<StateMachine, 'name' | 'tables'>;

/** Which state machine a data file, a backup or a replica is of. */
export interface MachineIdentity {
  /** 1 to MACHINE_NAME_MAX characters. */
  readonly name: string;
  /** Hash of the name and of the ids and names of its tables: what is compared. */
  readonly id: bigint;
}

/** Characters of a name, at most. */
export const MACHINE_NAME_MAX = 64;

const NAME = /^[a-z0-9._-]{1,64}$/;

/** Whether it can name a state machine: 1 to 64 characters of a-z 0-9 . _ - */
export function isMachineName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name);
}

/**
 * The identity of a machine. Two programs with one name whose tables differ are two machines: a
 * file of one holds rows that the other would not know, or would take for its own.
 */
export function machineIdentityOf(
  { name, tables }: MachineParts,
  checksum: ChecksumFunction,
): MachineIdentity {
  const bytes: number[] = [...codesOf(name)];
  for (const table of tables.toSorted((first, other) => first.id - other.id)) {
    const { id } = table;
    bytes.push(id & 0xff, (id >>> 8) & 0xff, (id >>> 16) & 0xff, id >>> 24);
    bytes.push(...codesOf(table.name));
  }
  return { name, id: checksum.hash(Uint8Array.from(bytes)) };
}

/** What a greeting has of a name: a client knows the name of its machine, not the tables. */
export function machineNameHash(name: string, checksum: ChecksumFunction): bigint {
  return checksum.hash(Uint8Array.from(codesOf(name)));
}

/** The length, then each code unit, two bytes each, so that no two lists of texts are alike. */
function codesOf(text: string): number[] {
  const codes = [text.length & 0xff, text.length >>> 8];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    codes.push(code & 0xff, code >>> 8);
  }
  return codes;
}

/** The name as it stands in a file: one byte a character, then zeros. */
export function writeMachineName(bytes: Uint8Array, offset: number, name: string): void {
  for (let at = 0; at < name.length; at += 1) bytes[offset + at] = name.charCodeAt(at);
}

/** Null for what is no name. */
export function readMachineName(bytes: Uint8Array, offset: number): string | null {
  const field = bytes.subarray(offset, offset + MACHINE_NAME_MAX);
  const end = field.indexOf(0);
  const length = end < 0 ? MACHINE_NAME_MAX : end;
  if (field.subarray(length).some((byte) => byte !== 0)) return null;
  const name = String.fromCharCode(...field.subarray(0, length));
  return isMachineName(name) ? name : null;
}
