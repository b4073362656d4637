import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bytes } from './bytes.ts';
import { Client } from './client.ts';
import { ClientError } from './errors.ts';
import type { ClientOptions } from './options.ts';
import { clientErrorOf } from './testing/client-error.ts';
import { FakeCluster, FakeReplica } from './testing/fake-replica.ts';

let cluster: FakeCluster;
let replica: FakeReplica;
let client: Client;

beforeEach(async () => {
  cluster = new FakeCluster();
  replica = await new FakeReplica(cluster).start();
  client = new Client({ endpoints: [replica.endpoint] });
});

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  expect(client.status().state).toBe('closed');
  await replica.stop();
});

describe('arguments that make no sense', () => {
  it('are refused before anything is sent', async () => {
    const wrong = 5 as unknown as Bytes; // SAFETY: what a JavaScript caller may pass.
    const cases: [Promise<unknown>, string][] = [
      [client.put('', 'x'), 'invalid_argument'],
      [client.put(wrong, 'x'), 'invalid_argument'],
      [client.put('k', wrong), 'invalid_argument'],
      [client.get('k', { timeout: 0 }), 'invalid_argument'],
      [client.get('k', { timeout: Number.NaN }), 'invalid_argument'],
      [client.get('k', { namespace: '' }), 'invalid_argument'],
      [client.range({ prefix: 'a', from: 'b' }), 'invalid_argument'],
      [client.range({ limit: 0 }), 'invalid_argument'],
      [client.delete([]), 'invalid_argument'],
      [client.put('k', new Uint8Array(70_000)), 'too_large'],
      [client.put('k'.repeat(5000), 'x'), 'too_large'],
    ];
    for (const [promise, code] of cases) {
      expect(await clientErrorOf(promise)).toMatchObject({ code, definite: true });
    }
    expect(cluster.executed).toEqual([]);
    expect(() => new Client({ endpoints: [] })).toThrow(ClientError);
    expect(() => new Client({ endpoints: ['nowhere'] })).toThrow(/host:port/);
  });

  it('are named, with their size and its limits', async () => {
    const events = new Array<string>(1025).fill('e');
    const cases: [Promise<unknown>, string][] = [
      [client.put('', 'x'), 'the key has 0 bytes; allowed are 1 to 4096'],
      [client.put('k'.repeat(5000), 'x'), 'the key has 5000 bytes; allowed are 1 to 4096'],
      [client.put('k', 'x'.repeat(70_000)), 'the value has 70000 bytes; allowed are 0 to 61440'],
      [client.get('k', { namespace: '' }), 'the namespace has 0 bytes; allowed are 1 to 64'],
      [client.delete([]), 'the number of keys is 0; allowed are 1 to 1024'],
      [client.stream.append('s', events), 'the number of events is 1025; allowed are 1 to 1024'],
      [client.range({ limit: 2000 }), "a range's limit is 1 to 1024, not 2000"],
    ];
    for (const [promise, message] of cases)
      expect(await clientErrorOf(promise)).toMatchObject({ message });
    expect(cluster.executed).toEqual([]);
  });

  it('are options that no client has, and endpoints that are no list', () => {
    const wrong = (options: unknown): (() => Client) => {
      return () => new Client(options as ClientOptions); // SAFETY: what JavaScript may pass.
    };
    const endpoints = ['127.0.0.1:7100'];
    expect(wrong({ endpoints, requestTimout: 5 })).toThrow(
      'requestTimout is not an option of a client (did you mean requestTimeout?)',
    );
    expect(wrong({ endpoints, zzzzzzzz: 5 })).toThrow(/^zzzzzzzz is not an option of a client$/);
    expect(wrong({ endpoints: '127.0.0.1:7100' })).toThrow(
      "endpoints must be a list of strings, such as ['127.0.0.1:7100']",
    );
    expect(wrong({ endpoints: [7100] })).toThrow('an endpoint is a string');
  });

  it('are half a surrogate pair, which would become another key', async () => {
    for (const key of ['a\ud800', '\udc00b']) {
      expect(await clientErrorOf(client.put(key, 'x'))).toMatchObject({
        code: 'invalid_argument',
        message: expect.stringMatching(/^a key has half a surrogate pair at [01], /),
      });
    }
    await client.put('\u{1f600}', 'x');
    expect(cluster.executed.flat()).toHaveLength(1);
  });
});

type Call = (...values: readonly unknown[]) => Promise<unknown>;

/** A method, without its types: what a JavaScript caller may pass. */
function method(of: unknown, name: string): Call {
  const call = (of as Readonly<Record<string, Call>>)[name]; // SAFETY: as JavaScript finds it.
  if (call === undefined) throw new Error(`there is no ${name}`);
  // A promise in any case: what is thrown at once counts as well.
  return async (...values) => call.apply(of, [...values]);
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await clientErrorOf(promise);
  expect(error).toMatchObject({ code: 'invalid_argument', definite: true });
  return error.message;
}

/** Every call that takes options, with arguments that are right. */
function calls(): [string, Call, readonly unknown[]][] {
  const { stream } = client;
  return [
    ['put', method(client, 'put'), ['k', 'v']],
    ['get', method(client, 'get'), ['k']],
    ['delete', method(client, 'delete'), ['k']],
    ['range', method(client, 'range'), [{}]],
    ['scan', scan, [{}]],
    ['compact', method(client, 'compact'), [1]],
    ['txn', method(client, 'txn'), [{}]],
    ['compareAndSwap', method(client, 'compareAndSwap'), ['k', { expected: null, value: 'v' }]],
    ['connected', method(client, 'connected'), []],
    ['stream.create', method(stream, 'create'), ['s']],
    ['stream.append', method(stream, 'append'), ['s', 'e']],
    ['stream.read', method(stream, 'read'), ['s']],
    ['stream.length', method(stream, 'length'), ['s']],
  ];
}

/** The first step of a scan. */
async function scan(...values: readonly unknown[]): Promise<unknown> {
  const pages = await method(client, 'scan')(...values);
  return method(pages, 'next')();
}

describe('a misspelt field', () => {
  it('is refused in the options of every call, and the right name is told', async () => {
    for (const [name, call, values] of calls()) {
      expect(await refusal(call(...values, { timout: 5 }))).toBe(
        `timout is not an option of ${name} (did you mean timeout?)`,
      );
      const inherited = Object.create({ constructor: 5 });
      expect(await refusal(call(...values, inherited))).toBe(
        `constructor is not an option of ${name}`,
      );
      for (const wrong of [null, [], 5, 'x', new Map(), new AbortController().signal]) {
        expect(await refusal(call(...values, wrong))).toMatch(
          `the options of ${name} must be a plain object, not `,
        );
      }
    }
    expect(cluster.executed).toEqual([]);
  });

  it('is refused in requests, with what is inside them', async () => {
    const [get, range, txn, swap, append] = [
      method(client, 'get'),
      method(client, 'range'),
      method(client, 'txn'),
      method(client, 'compareAndSwap'),
      method(client.stream, 'append'),
    ];
    const compared = (compare: unknown): Promise<unknown> => txn({ compares: [compare] });
    const done = (operation: unknown): Promise<unknown> => txn({ then: [operation] });
    const key = 'lock';
    const cases: [Promise<unknown>, string][] = [
      [get(key, { revison: 3 }), 'revison is not an option of get (did you mean revision?)'],
      [
        append('audit', ['x'], { expectOffset: 99 }),
        'expectOffset is not an option of stream.append (did you mean expectedOffset?)',
      ],
      [range({ prefx: 'z' }), 'prefx is not a field of a range (did you mean prefix?)'],
      [scan({ limit: 5 }), 'limit is not a field of a scan'],
      [
        txn({ compare: [{ key, target: 'absent' }], then: [] }),
        'compare is not a field of a transaction (did you mean compares?)',
      ],
      [
        compared({ key, target: 'exists', value: 'x' }),
        'value is not a field of a compare of presence',
      ],
      [
        compared({ key, target: 'value', val: 'x' }),
        'val is not a field of a compare of a value (did you mean value?)',
      ],
      [
        compared({ key, target: 'version', operand: 1, relaton: 'less' }),
        'relaton is not a field of a compare of a revision or version (did you mean relation?)',
      ],
      [
        done({ kind: 'put', key, value: 'x', namespace: 'other' }),
        'namespace is not a field of a put in a transaction',
      ],
      [
        done({ kind: 'range', prefix: 'a', limits: 5 }),
        'limits is not a field of a range in a transaction (did you mean limit?)',
      ],
      [
        swap(key, { expect: null, value: 'x' }),
        'expect is not a field of the change of a compareAndSwap (did you mean expected?)',
      ],
      [
        swap(key, { expected: { modRevison: 5 }, value: 'x' }),
        'modRevison is not a field of an expected revision (did you mean modRevision?)',
      ],
      [
        get(key, { consistency: { boundMillis: 5 } }),
        'boundMillis is not a field of a bounded consistency (did you mean boundedMillis?)',
      ],
    ];
    for (const [promise, message] of cases) expect(await refusal(promise)).toBe(message);
    expect(cluster.executed).toEqual([]);
  });
});

describe('a wrong value', () => {
  it('is refused alone, and the right one is named', async () => {
    const [put, get, range, txn, swap] = [
      method(client, 'put'),
      method(client, 'get'),
      method(client, 'range'),
      method(client, 'txn'),
      method(client, 'compareAndSwap'),
    ];
    const key = 'lock';
    const related = (relation: unknown): Promise<unknown> =>
      txn({ compares: [{ key, target: 'version', relation, operand: 1 }] });
    const relations = 'a relation is equal, notEqual, greater or less, not';
    const cases: [Promise<unknown>, string][] = [
      [related('>'), `${relations} '>' (did you mean greater?)`],
      [related('='), `${relations} '=' (did you mean equal?)`],
      [related('!='), `${relations} '!=' (did you mean notEqual?)`],
      [related('graeter'), `${relations} 'graeter' (did you mean greater?)`],
      [related('>='), `${relations} '>='`],
      [related('toString'), `${relations} 'toString'`],
      [related(null), `${relations} null`],
      [
        txn({ compares: [{ key, target: 'verson', operand: 1 }] }),
        'the target of a compare is exists, absent, value, createRevision, modRevision or ' +
          "version, not 'verson' (did you mean version?)",
      ],
      [
        txn({ compares: [{ key, target: 'version', operand: '1' }] }),
        "version is compared with a whole number, not '1'",
      ],
      [txn({ compares: [null] }), 'a compare must be a plain object, not null'],
      [txn({ compares: { key, target: 'absent' } }), 'compares must be a list, not an object'],
      [txn({ then: { kind: 'delete', key } }), 'then must be a list, not an object'],
      [txn({ then: new Array(1) }), 'an operation must be a plain object, not undefined'],
      [
        txn({ else: [{ kind: 'putt', key }] }),
        "the kind of an operation is put, get, delete or range, not 'putt' (did you mean put?)",
      ],
      [txn(), 'a transaction must be a plain object, not undefined'],
      [range(), 'a range must be a plain object, not undefined'],
      [range({ prefix: null }), 'a bound of a range must be a string or a Uint8Array'],
      [range({ keysOnly: 1 }), 'keysOnly is true or false, not 1'],
      [range({ limit: null }), 'limit is a whole number, 0 or more, not null'],
      [put(key, 'v', { previous: 'yes' }), "previous is true or false, not 'yes'"],
      [put(key, 'v', { signal: {} }), 'signal is an AbortSignal, not an object'],
      [
        get(key, { consistency: 'Linearisable' }),
        "consistency is 'linearizable', 'local' or { boundedMillis } with whole milliseconds of " +
          "1 to a day, not 'Linearisable' (did you mean linearizable?)",
      ],
      [swap(key, null), 'the change of a compareAndSwap must be a plain object, not null'],
      [
        swap(key, { value: 'v' }),
        'a key is expected to be null, a value, or { modRevision }, not undefined',
      ],
      [method(client, 'onConnection')('x'), 'a listener is a function'],
    ];
    const innocent = client.put('innocent', 'x');
    for (const [promise, message] of cases) expect(await refusal(promise)).toBe(message);
    await innocent;
    expect(cluster.executed.flat()).toHaveLength(1);
  });

  it('may be a proxy that throws', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const [name, call, values] of calls()) {
      expect(await refusal(call(...values, proxy)), name).toMatch(/./);
      if (values.length > 0) expect(await refusal(call(proxy, ...values.slice(1)))).toMatch(/./);
    }
    const options = { endpoints: proxy } as ClientOptions; // SAFETY: what JavaScript may pass.
    expect(() => new Client(options)).toThrow(ClientError);
    expect(cluster.executed).toEqual([]);
  });

  // Junk of every kind, and objects of the right names with junk in them: whatever it is, the call
  // ends with an answer or a ClientError, nothing escapes, and the call beside it is answered.
  it('never throws anything but ClientError, nor touches another call', async () => {
    const names =
      'key value target relation operand kind prefix from to limit keysOnly bytesMax compares ' +
      'then else expected modRevision signal timeout namespace previous consistency prefer ' +
      'revision boundedMillis expectedOffset offset';
    const throwing = {
      get key(): never {
        throw new Error('a getter that throws');
      },
    };
    const odd = fc.constantFrom<unknown>(
      throwing,
      Symbol('odd'),
      (): void => {},
      Object.create(AbortSignal.prototype),
      Object.create(Uint8Array.prototype),
      Object.create(null),
      new Array(3),
    );
    const word = fc.constantFrom<unknown>(
      ...[
        'exists',
        'value',
        'version',
        'put',
        'get',
        'delete',
        'range',
        'equal',
        '>',
        'local',
        'k',
      ],
    );
    const { junk } = fc.letrec<{ junk: unknown; object: unknown }>((tie) => ({
      junk: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.anything({ withNullPrototype: true, withBigInt: true, withTypedArray: true }),
        odd,
        word,
        tie('object'),
        fc.array(tie('junk'), { maxLength: 3 }),
      ),
      object: fc.dictionary(fc.constantFrom(...names.split(' ')), tie('junk'), { maxKeys: 4 }),
    }));
    const which = fc.nat({ max: calls().length - 1 });
    await fc.assert(
      fc.asyncProperty(which, fc.array(junk, { maxLength: 3 }), async (at, values) => {
        const call = calls()[at]?.[1];
        if (call === undefined) throw new Error('there is no such call');
        // A wait without an end of its own would end with the test.
        const bad = call(...values).catch((error: unknown) => error);
        const innocent = client.put('innocent', 'x');
        const error = await bad;
        if (error instanceof Error) expect(error).toBeInstanceOf(ClientError);
        expect((await innocent).revision).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
});
