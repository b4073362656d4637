import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Proxy } from './proxy.ts';
import { until } from './until.ts';

let server: Server;
let proxy: Proxy;
let received: string;
let accepted: Socket[];
let dialled: Socket[];

beforeEach(async () => {
  received = '';
  accepted = [];
  dialled = [];
  server = createServer((socket) => {
    accepted.push(socket);
    socket.on('data', (chunk) => {
      received += chunk.toString();
    });
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const address = server.address();
  proxy = await Proxy.open();
  proxy.aim(address !== null && typeof address === 'object' ? address.port : null);
});
afterEach(async () => {
  for (const socket of [...dialled, ...accepted]) socket.destroy();
  await proxy.close();
  await new Promise((resolve) => server.close(resolve));
});

function dial(): {
  readonly socket: Socket;
  readonly heard: string[];
  readonly isClosed: () => boolean;
} {
  const heard: string[] = [];
  const socket = connect({ host: '127.0.0.1', port: proxy.port });
  dialled.push(socket);
  socket.on('error', () => {});
  socket.on('data', (chunk) => heard.push(chunk.toString()));
  return { socket, heard, isClosed: () => socket.closed };
}

function seen(text: string): Promise<true> {
  return until(() => (received === text ? true : null), {
    within: 5000,
    what: `${text} arrives`,
    explain: () => received,
  });
}

function whenTrue(condition: () => boolean, what: string): Promise<true> {
  return until(() => (condition() ? true : null), { within: 5000, what });
}

describe('the proxy between processes', () => {
  it('passes bytes both ways, and the end', async () => {
    const { socket, heard, isClosed } = dial();
    socket.write('one');
    await seen('one');
    accepted[0]?.end('two');
    await whenTrue(() => heard.join('') === 'two' && isClosed(), 'the answer and the end');
  });

  it('keeps the order of what it delays, also when the delay ends', async () => {
    const { socket } = dial();
    socket.write('a');
    await seen('a');
    proxy.set({ kind: 'delay', millis: 100 });
    const before = performance.now();
    socket.write('b');
    await seen('ab');
    expect(performance.now() - before).toBeGreaterThan(90);
    socket.write('c');
    // Another connection shows that what was written before has passed the proxy.
    const other = dial();
    await whenTrue(() => other.socket.readyState === 'open', 'the other connection');
    proxy.set({ kind: 'pass' });
    socket.write('d');
    await seen('abcd');
  });

  it('drops one way only, and resets what has lost bytes when it is healed', async () => {
    const { socket, heard, isClosed } = dial();
    socket.write('a');
    await seen('a');
    proxy.set({ kind: 'drop' });
    socket.write('lost');
    accepted[0]?.write('back');
    await whenTrue(() => heard.join('') === 'back', 'the way back');
    expect(isClosed()).toBe(false);
    await whenTrue(() => proxy.lostBytes() === 4, 'the loss');
    proxy.set({ kind: 'pass' });
    await whenTrue(isClosed, 'the reset');
    const again = dial();
    again.socket.write('b');
    await seen('ab');
  });

  it('cuts, refuses, and heals', async () => {
    const first = dial();
    first.socket.write('a');
    await seen('a');
    proxy.set({ kind: 'cut' });
    await whenTrue(first.isClosed, 'the cut');
    const second = dial();
    await whenTrue(second.isClosed, 'the refusal');
    proxy.set({ kind: 'pass' });
    const third = dial();
    third.socket.write('b');
    await seen('ab');
  });

  it('refuses while nobody is behind it', async () => {
    proxy.aim(null);
    const first = dial();
    await whenTrue(first.isClosed, 'the refusal');
  });
});
