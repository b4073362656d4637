import { mix128, present } from '@kimberlite/store';
import { rootPrepare } from '../format.ts';
import { primarySlot } from '../membership.ts';
import { batchEntrySize, writeBatch } from '../message/batch.ts';
import { type LogHeader, logHeaderOf } from '../message/header-list.ts';
import { HEADER_SIZE, NO_REPLICA } from '../message/layout.ts';
import {
  encodeMessage,
  type Message,
  type PrepareMessage,
  sealMessage,
} from '../message/message.ts';
import { type Checksum, ClientId, Op, View, ZERO_CHECKSUM } from '../std/numbers.ts';

/** The cluster that all fixtures belong to. */
export const FIXTURE_CLUSTER = 7n;

/** What a fixture prepare says; everything else follows from it. */
export interface PrepareOptions {
  readonly view?: number;
  readonly commit?: number;
  readonly timestamp?: number;
  readonly checkpointId?: Checksum;
  readonly requests?: readonly Message<'request'>[];
}

/** The root of the fixture cluster's log. */
export function fixtureRoot(): PrepareMessage {
  return rootPrepare(FIXTURE_CLUSTER, mix128);
}

/** The prepare that follows `parent`: op one higher, linked by checksum. */
export function prepareAfter(parent: PrepareMessage, options: PrepareOptions = {}): PrepareMessage {
  const requests = options.requests ?? [];
  const size = requests.reduce((sum, { body }) => sum + batchEntrySize(body.length), HEADER_SIZE);
  const bytes = new Uint8Array(size);
  writeBatch(bytes, HEADER_SIZE, requests);
  const view = options.view ?? parent.header.view;
  return sealMessage(
    'prepare',
    {
      cluster: FIXTURE_CLUSTER,
      replica: primarySlot(View(view)),
      view: View(view),
      release: 1,
      incarnation: 0n,
      parent: parent.header.checksum,
      checkpointId: options.checkpointId ?? ZERO_CHECKSUM,
      op: Op(parent.header.op + 1),
      commit: Op(options.commit ?? 0),
      timestamp: options.timestamp ?? parent.header.op + 1,
      count: requests.length,
    },
    bytes,
    mix128,
  );
}

/** The root and `count` prepares after it: index = op. */
export function chainOf(count: number, options: PrepareOptions = {}): PrepareMessage[] {
  return extendChain([fixtureRoot()], count, options);
}

/** A copy of `chain` with `count` more prepares at its end. */
export function extendChain(
  chain: readonly PrepareMessage[],
  count: number,
  options: PrepareOptions = {},
): PrepareMessage[] {
  const longer = [...chain];
  for (let index = 0; index < count; index += 1) {
    longer.push(prepareAfter(present(longer.at(-1), 'a chain has a root'), options));
  }
  return longer;
}

/** The headers of a chain, index = op. */
export function headersOf(chain: readonly PrepareMessage[]): LogHeader[] {
  return chain.map(logHeaderOf);
}

/** A client's request as it goes into a batch. */
export function makeRequest(fields: {
  readonly client: number;
  readonly session: number;
  readonly request: number;
  readonly operation: number;
  readonly body?: Uint8Array;
}): Message<'request'> {
  return encodeMessage(
    'request',
    {
      cluster: FIXTURE_CLUSTER,
      replica: NO_REPLICA,
      view: View(0),
      release: 1,
      incarnation: 0n,
      client: ClientId(BigInt(fields.client)),
      session: fields.session,
      request: fields.request,
      operation: fields.operation,
    },
    fields.body ?? new Uint8Array(0),
    mix128,
  );
}
