import { describe, expect, it } from 'vitest';
import { placesOfOld, startCommands, startText } from './start-text.ts';

const MADE = { cluster: 9n, replicaCount: 2, directory: '/new' };

describe('how the files of a new cluster are started', () => {
  it('is a line each, with what is not known to be put in', () => {
    const [first, ...lines] = startText(MADE, { ofKernel: true, known: null }).split('\n');
    expect(first).toContain('with their machines for HOST0 to HOST1:');
    expect(lines).toEqual([
      '  npx kimberlite start --data-file=/new/replica-0.data --cluster=9 --replica=0 ' +
        '--addresses=HOST0:7101,HOST1:7101 --client-address=HOST0:7100 ' +
        '--http-address=0.0.0.0:7102',
      '  npx kimberlite start --data-file=/new/replica-1.data --cluster=9 --replica=1 ' +
        '--addresses=HOST0:7101,HOST1:7101 --client-address=HOST1:7100 ' +
        '--http-address=0.0.0.0:7102',
      'HTTP, which status, recover and backup ask, listens on all addresses there, backups are ' +
        'given to',
      '127.0.0.1 alone. Keep its port from strangers.',
      'To look at it on this machine first, where nothing else uses the ports:',
      '  npx kimberlite dev --data=/new --replicas=2',
      '',
    ]);
  });

  it('has the places of the old cluster where they are known, quoted for a shell', () => {
    const known = placesOfOld(['a:7100', 'b:7110', 'c:7120'], {});
    expect(startText(MADE, { ofKernel: true, known })).not.toContain('HOST');
    expect(
      startCommands({ ...MADE, directory: "/it's new" }, { ofKernel: true, known })[1],
    ).toEqual([
      'start',
      "--data-file=/it's new/replica-1.data",
      '--cluster=9',
      '--replica=1',
      '--addresses=a:7101,b:7111',
      '--client-address=b:7110',
      '--http-address=0.0.0.0:7112',
    ]);
    expect(startText({ ...MADE, directory: "/it's new" }, { ofKernel: true, known })).toContain(
      `npx kimberlite dev '--data=/it'\\''s new' --replicas=2`,
    );
    expect(placesOfOld(['a:7100'], { peers: ' x:1 , y:2' }).peers).toEqual(['x:1', 'y:2']);
    const few = placesOfOld(['a:7100'], {});
    expect(startText(MADE, { ofKernel: true, known: few })).toContain('HOST1:7101');
  });

  it('has HTTP listen where status, backup and recover then ask', () => {
    const httpOf = (endpoints: readonly string[], http?: string): unknown[] => {
      const known = placesOfOld(endpoints, http === undefined ? {} : { http });
      return startCommands(MADE, { ofKernel: true, known }).map((words) => words.at(-1));
    };
    // One machine, with ports of its own: not the default of the slot.
    expect(httpOf(['127.0.0.1:7300', '127.0.0.1:7310'])).toEqual([
      '--http-address=127.0.0.1:7302',
      '--http-address=127.0.0.1:7312',
    ]);
    // Several: reached from the others, and by `backup` over the loopback address too.
    expect(httpOf(['10.0.0.1:7100', '[fd00::2]:7100'])).toEqual([
      '--http-address=0.0.0.0:7102',
      '--http-address=[::]:7102',
    ]);
    expect(httpOf(['a:7100', 'b:7100'], 'a:81, localhost:82')).toEqual([
      '--http-address=0.0.0.0:81',
      '--http-address=localhost:82',
    ]);
    const here = placesOfOld(['127.0.0.1:7300', 'localhost:7310'], {});
    expect(startText(MADE, { ofKernel: true, known: here })).not.toContain('strangers');
  });

  it("leaves another state machine than the kernel to the user's program", () => {
    const known = placesOfOld(['a:7100', 'b:7110'], {});
    const text = startText(MADE, { ofKernel: false, known });
    expect(text).not.toContain('kimberlite');
    expect(text.split('\n')[1]).toBe(
      '  --data-file=/new/replica-0.data --cluster=9 --replica=0 ' +
        '--addresses=a:7101,b:7111 --client-address=a:7100 --http-address=0.0.0.0:7102',
    );
  });
});
