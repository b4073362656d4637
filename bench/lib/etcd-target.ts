import { fileURLToPath } from 'node:url';
import { Client, credentials, type MethodDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { LoadedStore } from './load.ts';

/** As in the client of Kimberlite. */
const DEADLINE_MILLIS = 5_000;
const STATUS_MILLIS = 1_000;

interface PutRequest {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

interface PutResponse {
  readonly header: { readonly revision: string };
}

interface RangeRequest {
  readonly key: Uint8Array;
  readonly serializable: boolean;
}

interface RangeResponse {
  readonly count: string;
}

interface StatusResponse {
  readonly header: { readonly member_id: string };
  readonly leader: string;
}

const definitions = loadSync(fileURLToPath(new URL('etcd.proto', import.meta.url)), {
  keepCase: true,
  longs: String,
  defaults: true,
});
const putMethod = method<PutRequest, PutResponse>('etcdserverpb.KV', 'Put');
const rangeMethod = method<RangeRequest, RangeResponse>('etcdserverpb.KV', 'Range');
const statusMethod = method<object, StatusResponse>('etcdserverpb.Maintenance', 'Status');

function method<Request extends object, Response extends object>(
  service: string,
  name: string,
): MethodDefinition<Request, Response> {
  // SAFETY: loaded from the proto file beside this one, which has these services.
  const methods = definitions[service] as unknown as Record<
    string,
    MethodDefinition<Request, Response>
  >;
  const found = methods[name];
  if (found === undefined) throw new Error(`no method ${service}.${name}`);
  return found;
}

/** Calls over a number of connections in turn, each with a deadline of so many milliseconds. */
export function etcdTarget(
  endpoint: string,
  channels: number,
  millis: number = DEADLINE_MILLIS,
): LoadedStore {
  const clients = Array.from({ length: channels }, () => connect(endpoint));
  let turn = 0;
  const next = (): Client => {
    turn = (turn + 1) % clients.length;
    const client = clients[turn];
    if (client === undefined) throw new Error('there is at least one connection');
    return client;
  };
  return {
    put(key, value): Promise<PutResponse> {
      const request = { key: Buffer.from(key), value };
      return call({ client: next(), method: putMethod, request, millis });
    },
    get(key, level): Promise<RangeResponse> {
      const request = { key: Buffer.from(key), serializable: level === 'local' };
      return call({ client: next(), method: rangeMethod, request, millis });
    },
    async close(): Promise<void> {
      for (const client of clients) client.close();
    },
  };
}

/** The endpoint of the member that is the leader, or null when there is none yet. */
export async function findLeader(endpoints: readonly string[]): Promise<string | null> {
  for (const endpoint of endpoints) {
    const client = connect(endpoint);
    try {
      const status = await call({
        client,
        method: statusMethod,
        request: {},
        millis: STATUS_MILLIS,
      });
      if (status.leader !== '0' && status.leader === status.header.member_id) return endpoint;
    } catch {
      // Not there yet.
    } finally {
      client.close();
    }
  }
  return null;
}

function connect(endpoint: string): Client {
  return new Client(endpoint, credentials.createInsecure(), {
    // Otherwise clients with one address share one connection.
    'grpc.use_local_subchannel_pool': 1,
  });
}

function call<Request, Response>(options: {
  readonly client: Client;
  readonly method: MethodDefinition<Request, Response>;
  readonly request: Request;
  readonly millis: number;
}): Promise<Response> {
  const { client, request, millis } = options;
  const { path, requestSerialize, responseDeserialize } = options.method;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      { deadline: Date.now() + millis },
      (error, response) => {
        if (response === undefined) reject(error ?? new Error('no answer'));
        else resolve(response);
      },
    );
  });
}
