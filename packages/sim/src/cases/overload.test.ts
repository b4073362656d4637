import { assert, mix128 } from '@kimberlite/store';
import {
  ClientId,
  CONFIG_SIMULATION,
  encodeMessage,
  HEADER_SIZE,
  isCommand,
  NO_REPLICA,
  OPERATION_REGISTER,
  REFUSAL_REASONS,
  TIMEOUTS_DEFAULT,
  View,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { NETWORK_CALM, type Packet } from '../network/network.ts';
import { STORAGE_CALM } from '../storage/storage.ts';
import { type LinkRule, messageIn, type ScriptedCluster } from '../testing/scripted-cluster.ts';
import { addOne, at, settle } from '../testing/settled.ts';
import { counterMachine, counterWorkload, OPERATION_ADD } from '../workload/counter-machine.ts';
import type { Workload } from '../workload/workload.ts';

/** Requests that may wait at a primary, as the protocol's limits say. */
const QUEUE_REQUESTS = 4096;
/** Bytes of them. */
const QUEUE_BYTES = 16 * 1024 * 1024;

/** Registers of so many clients that exist by name only, sent from the node of client 0. */
function registers(script: ScriptedCluster, to: number, count: number): Packet[] {
  const node = script.cluster.clients[0]?.node;
  assert(node !== undefined, 'there is a client');
  return Array.from({ length: count }, (_, index) => {
    const fields = {
      cluster: script.tap.clusterId,
      replica: NO_REPLICA,
      view: View(0),
      release: 0x000100,
      incarnation: 0n,
      client: ClientId((1n << 100n) + BigInt(index)),
      session: 0,
      request: 0,
      operation: OPERATION_REGISTER,
    };
    const { bytes } = encodeMessage('request', fields, null, mix128);
    return { from: node, to, command: 'request', bytes: bytes.slice(), lie: null };
  });
}

function busyRefusals({ packets }: LinkRule): number {
  return packets.filter((packet) => {
    const message = messageIn(packet);
    return isCommand(message, 'refusal') && message.header.reason === REFUSAL_REASONS.busy;
  }).length;
}

describe('a primary with a full queue', () => {
  it('says that it is busy, by requests, and serves everybody later', () => {
    const network = { ...NETWORK_CALM, capacity: 2 * QUEUE_REQUESTS };
    const { script, primary } = settle({ replicaCount: 3, network });
    const { pipelineMax } = script.cluster.options.config;
    const { view } = script.state(primary);
    const acks = script.drop({ command: 'prepareOk' });
    const refusals = script.watch({ from: primary, command: 'refusal' });
    const over = 5;
    // The first ones are in the pipeline at once, each in an op of its own.
    for (const packet of registers(script, primary, pipelineMax)) {
      script.replay(packet);
      script.run(2);
    }
    expect(script.state(primary)).toMatchObject({ pipelineLength: pipelineMax, queueLength: 0 });
    const rest = registers(script, primary, pipelineMax + QUEUE_REQUESTS + over);
    for (const packet of rest.slice(pipelineMax)) script.replay(packet);
    script.runUntil(() => busyRefusals(refusals) >= over, TIMEOUTS_DEFAULT.abdicate / 2);
    expect(refusals.packets).toHaveLength(over);
    expect(script.state(primary)).toMatchObject({ view, queueLength: QUEUE_REQUESTS });
    // A client is told so at once, and that what it asked for has not happened.
    const answer = script.submit(addOne(1));
    script.runUntil(() => refusals.packets.length > over, 10);
    const last = messageIn(at(refusals.packets, over));
    expect(isCommand(last, 'refusal') && last.header.client).toBe(script.cluster.clients[0]?.id);
    script.runUntil(() => script.cluster.totals.definiteRefusals === 1, 10);
    expect(answer.body).toBeNull();
    acks.remove();
    script.runUntil(() => script.state(primary).queueLength === 0);
    script.runUntil(() => script.converged());
    // Its own session made room for those of the many, which it learns when it asks again.
    script.submit(addOne(1));
    script.runUntil(() => script.cluster.totals.sessionsEvicted === 1);
    const value = script.read(1);
    script.add(1, 1);
    expect(script.read(1)).toBe(value + 1);
  });

  it('says that it is busy, by bytes, and serves everybody later', () => {
    const config = {
      ...CONFIG_SIMULATION,
      messageSizeMax: 1024 * 1024,
      blockSize: 16 * 1024,
      sessionsMax: 64,
    };
    const size = config.messageSizeMax - 4096;
    const workload: Workload = {
      ...counterWorkload,
      stateMachine: () => ({ ...counterMachine, validate: (_, body) => body.length >= 2 }),
    };
    const clientCount = config.pipelineMax + Math.ceil(QUEUE_BYTES / size) + 2;
    const { script, primary } = settle({ replicaCount: 3, clientCount, config, workload });
    const acks = script.drop({ command: 'prepareOk' });
    const refusals = script.watch({ from: primary, command: 'refusal' });
    const body = new Uint8Array(size);
    body.set([1, 1]);
    const { clients, totals } = script.cluster;
    const ask = (client: number): { readonly body: Uint8Array | null } => {
      return script.submit({ operation: OPERATION_ADD, body }, client);
    };
    const answers = clients.map((_, client) => ask(client));
    script.runUntil(() => busyRefusals(refusals) > 0, TIMEOUTS_DEFAULT.abdicate / 2);
    const { queueLength, pipelineLength } = script.state(primary);
    expect(pipelineLength).toBe(config.pipelineMax);
    expect(queueLength).toBe(Math.floor(QUEUE_BYTES / (HEADER_SIZE + size)));
    expect(totals.definiteRefusals).toBeGreaterThan(0);
    acks.remove();
    script.runUntil(() => clients.every(({ busy }) => !busy));
    const refused = answers.flatMap(({ body: reply }, client) => (reply === null ? [client] : []));
    expect(refused).toHaveLength(totals.definiteRefusals);
    // Whoever was refused asks again, under the same number; each adds once.
    const again = refused.map(ask);
    script.runUntil(() => again.every(({ body: reply }) => reply !== null));
    expect(script.add(1, 1)).toBe(clientCount + 1);
  });
});

describe('a primary with more to do than its callers wait for', () => {
  it('turns new ones away at once, though it commits all the time, until the old are done', () => {
    const config = { ...CONFIG_SIMULATION, sessionsMax: 64 };
    const clientCount = 48;
    const workload: Workload = {
      ...counterWorkload,
      stateMachine: () => ({ ...counterMachine, validate: (_, body) => body.length >= 2 }),
    };
    const { script, primary } = settle({ replicaCount: 3, clientCount, config, workload });
    const { clients, totals } = script.cluster;
    // Slow, and not so slow that commits would count as standing still.
    for (let slot = 0; slot < 3; slot += 1) {
      script.cluster
        .storage(slot)
        .setOptions({ ...STORAGE_CALM, writeMinMicros: 70_000, writeMeanMicros: 70_000 });
    }
    // One fills an op.
    const body = new Uint8Array(config.messageSizeMax / 2 + 1);
    body.set([1, 1]);
    const ask = (client: number): { readonly body: Uint8Array | null } => {
      return script.submit({ operation: OPERATION_ADD, body }, client);
    };
    const late = clientCount - 1;
    const spike = clients.slice(0, late).map((_, client) => ask(client));
    script.runUntil(() => script.state(primary).queueLength > 20);
    const answered = (): number => spike.filter(({ body: reply }) => reply !== null).length;
    script.run(200);
    expect(answered()).toBeGreaterThan(0);
    expect(script.state(primary).queueLength).toBeGreaterThan(0);
    const before = totals.definiteRefusals;
    const turnedAway = ask(late);
    script.runUntil(() => totals.definiteRefusals > before, 10);
    expect(turnedAway.body).toBeNull();
    expect(script.events('commit_stalled')).toEqual([]);
    script.runUntil(() => script.state(primary).queueLength === 0, 2_000);
    const again = ask(late);
    script.runUntil(() => again.body !== null, 200);
    expect(totals.definiteRefusals).toBe(before + 1);
    script.runUntil(() => answered() === spike.length, 2_000);
    expect(script.primary()).toBe(primary);
  });
});

describe('a backup whose disk lags far behind', () => {
  it('takes no more prepares than it can hold, and repairs what it let go', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const { pipelineMax } = script.cluster.options.config;
    const slow = at(backups, 0);
    const full = (): boolean =>
      script.events('dropped', slow).some(({ reason }) => reason === 'journal_full');
    const before = script.state(slow).op;
    script.tap.hang(slow, 'writes');
    let asked = 0;
    for (; !full() && asked < 6 * pipelineMax; asked += 1) script.add(1, 1);
    expect(full()).toBe(true);
    const head = script.state(slow).op;
    expect(head).toBe(before + 4 * pipelineMax);
    for (let more = 0; more < 3; more += 1, asked += 1) script.add(1, 1);
    expect(script.state(primary).commitMax).toBeGreaterThan(head + 2);
    expect(script.state(slow)).toMatchObject({ op: head, journalDirty: 4 * pipelineMax });
    const missed = script.state(primary).op;
    script.tap.release(slow);
    script.runUntil(() => script.converged([0, 1, 2]), 200);
    const { evidence } = script.cluster.storage(slow);
    for (let op = before + 1; op <= missed; op += 1)
      expect(evidence.slotState(op)).toBe('readable');
    expect(script.read(1)).toBe(asked);
    // With its own copies, and not only with those of the others, it can serve.
    script.crash(at(backups, 1));
    expect(script.add(1, 1)).toBe(asked + 1);
  });
});
