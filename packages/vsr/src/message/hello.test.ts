import { sha256Checksum } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { type ClusterConfig, CONFIG_DEFAULT, configEquals } from '../config.ts';
import { machineNameHash } from '../machine-identity.ts';
import { clientHello, sizesOf } from './hello.ts';
import { COMMANDS, HELLO_ROLES, NO_REPLICA } from './layout.ts';
import { decodeMessage } from './message.ts';

const sizes = Object.keys(CONFIG_DEFAULT) as (keyof ClusterConfig)[]; // SAFETY: its own keys.

describe('the greeting', () => {
  it('has a field for every size of a cluster', () => {
    expect(Object.keys(COMMANDS.hello.fields)).toEqual(expect.arrayContaining(sizes));
    expect(sizesOf(CONFIG_DEFAULT)).toEqual(CONFIG_DEFAULT);
  });

  it.each(sizes)('does not agree when %s differs', (name) => {
    const other = { ...CONFIG_DEFAULT, [name]: CONFIG_DEFAULT[name] + 1 };
    expect(configEquals(CONFIG_DEFAULT, { ...CONFIG_DEFAULT })).toBe(true);
    expect(configEquals(CONFIG_DEFAULT, other)).toBe(false);
    expect(configEquals(other, CONFIG_DEFAULT)).toBe(false);
  });

  it('of a client names itself and no size', () => {
    const fields = { cluster: 7n, release: 0x000100, machine: 'app', checksum: sha256Checksum };
    const { bytes } = clientHello(fields);
    const message = decodeMessage(bytes, sha256Checksum);
    expect(message).toMatchObject({
      header: {
        command: 'hello',
        cluster: 7n,
        replica: NO_REPLICA,
        role: HELLO_ROLES.client,
        release: 0x000100,
        messageSizeMax: 0,
        sessionsMax: 0,
        machine: 0n,
        machineName: machineNameHash('app', sha256Checksum),
      },
    });
  });
});
