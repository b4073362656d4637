import { readFileSync } from 'node:fs';
import { Checksum, mix128 } from '@kimberlite/store';
import {
  type AnyMessage,
  ClientId,
  CONFIG_SIMULATION,
  encodeMessage,
  formatReplica,
  type Message,
  OPERATION_REGISTER,
  Op,
  Prng,
  View,
  writeBatch,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import type { ReplicaMaker } from '../cluster/replica-maker.ts';
import { productionMaker } from '../run/production-maker.ts';
import { runSeed } from '../run/run-seed.ts';
import { scenarioOptions } from '../scenarios/registry.ts';
import { EventQueue } from '../std/event-queue.ts';
import { FaultAtlas } from '../storage/fault-atlas.ts';
import { SimulatedStorage, STORAGE_CALM } from '../storage/storage.ts';
import { tableRows } from '../testing/page-table.ts';
import { replicaState } from '../testing/replica-state.ts';
import { HostGuard } from '../user/host-guard.ts';
import {
  CounterModel,
  counterWorkload,
  OPERATION_ADD,
  OPERATION_READ,
} from '../workload/counter-machine.ts';
import { AcknowledgedQuorum } from './acknowledged-quorum.ts';
import { checkBounds, checkScrubShare } from './bounds.ts';
import { CheckpointQuorum } from './checkpoint-quorum.ts';
import { type CommittedEvent, OneHistory } from './history.ts';
import { checkHonestPeers } from './honest-peers.ts';
import { NeverBack } from './never-back.ts';
import { OnePrimary } from './one-primary.ts';
import { Promises } from './promises.ts';
import { checkQuorumDurable } from './quorum-durable.ts';
import { Reads } from './reads.ts';
import { RecoveredFiles } from './recovered-files.ts';
import { Replies } from './replies.ts';
import { SecondJudge } from './second-judge.ts';
import { StoresEqual } from './stores-equal.ts';
import { ViewsVoted } from './views-voted.ts';
import { CHECKERS, type CheckerName, Violation } from './violation.ts';
import { WholeCheckpoint } from './whole-checkpoint.ts';

/*
 * One planted violation for each checker, which it must catch. A checker without one does not
 * compile, and docs/vopr.md must say of each what it is, where it is from, what it sees, and what
 * is planted here. What each checker allows, and more of what it must not, is in the tests of its
 * own file.
 */

/** Of the predecessor: seven, 24, two, and three that it always has. */
const CHECKERS_OWED = 36;
const CONFIG = CONFIG_SIMULATION;
const ALICE = ClientId(100n);
const COMMON = { cluster: 1n, replica: 0, view: View(0), release: 1, incarnation: 1n };

interface Canary {
  /** As in the table of docs/vopr.md. */
  readonly planted: string;
  /** Ends in a violation, or gives the name of the checker that ended a run. */
  readonly plant: () => CheckerName | null | void;
}

const CANARIES: Readonly<Record<CheckerName, Canary>> = {
  one_history: {
    planted: 'a second prepare at op 1',
    plant: () => {
      const log = logOf(1);
      log.onCommitted(1, { ...commit(1), checksum: Checksum(5n) });
    },
  },
  quorum_durable: {
    planted: 'an op that one disk of three holds',
    plant: () => {
      const disk = (held: boolean) => ({ wasDurable: () => held });
      checkQuorumDurable({ op: 4, checksum: 9n }, [disk(true), disk(false), disk(false)]);
    },
  },
  acknowledged_quorum: {
    planted: 'an op on every disk, and no prepare_ok',
    plant: () => {
      const disks = [0, 1, 2].map(() => ({ wasDurable: () => true }));
      new AcknowledgedQuorum(disks).onHistory({ op: 4, checksum: 9n, requests: [] });
    },
  },
  one_primary: {
    planted: "a primary of another's view",
    plant: () => new OnePrimary().onPrimary(2, 1),
  },
  views_voted: {
    planted: 'a view that one replica moved to by itself',
    plant: () =>
      new ViewsVoted(3).onTrace(0, { kind: 'view_durable', view: View(5), logView: View(0) }),
  },
  promises: {
    planted: 'a vote in a view that is not on disk',
    plant: () => {
      const { promises } = formatted();
      const vote = encodeMessage('startViewChange', { ...COMMON, view: View(1) }, null, mix128);
      promises.onSend(0, vote as AnyMessage); // SAFETY: of one command.
    },
  },
  acknowledged_writes: {
    planted: 'an answer for an op that nobody committed',
    plant: () => answered(9, 3),
  },
  replies: {
    planted: 'an answer of 4 where the model has 3',
    plant: () => answered(2, 4),
  },
  linearizable: {
    planted: 'a read of 0 after an add of 1 was answered',
    plant: () => {
      const { judge } = counterWorkload;
      if (judge === undefined) throw new Error('counters have a judge');
      const second = new SecondJudge(judge);
      second.onInvoked(ALICE, { operation: OPERATION_ADD, body: Uint8Array.of(3, 1) });
      second.onReplied(ALICE, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
      second.onInvoked(ALICE, { operation: OPERATION_READ, body: Uint8Array.of(3) });
      second.onReplied(ALICE, new Uint8Array(8));
      second.onEnd();
    },
  },
  reads: {
    planted: 'a query answered with the state of an op that nobody committed',
    plant: () => {
      const history = logOf(1);
      const reads = new Reads({
        history,
        replies: new Replies(history, CONFIG, new CounterModel()),
        queries: counterWorkload.queries ?? null,
        replicaCount: 3,
        now: () => 0,
        trueDuration: (_slot, micros) => micros,
      });
      reads.onAsked(ALICE, 1n);
      const asked = { operation: OPERATION_READ, body: Uint8Array.of(3), reply: new Uint8Array(8) };
      const queryChecksum = Checksum(1n);
      const level = 'linearizable';
      reads.onQueried(0, { kind: 'queried', op: Op(9), level, lagMax: 0, queryChecksum, ...asked });
    },
  },
  stores_equal: {
    planted: 'two checkpoints of op 16',
    plant: () => {
      const stores = new StoresEqual();
      stores.onCheckpoint(0, 16, 5n);
      stores.onCheckpoint(1, 16, 6n);
    },
  },
  whole_checkpoint: {
    planted: 'a checkpoint of whose blocks one was never written',
    plant: () => {
      const superblock = (): { checkpoint: { op: number } } => ({ checkpoint: { op: 16 } });
      const checkpointFault = () => ({ address: 3, problem: 'never written', rotten: false });
      const disk = { superblock, checkpointFault };
      new WholeCheckpoint([disk], new Set()).onCheckpoint(0, 16);
    },
  },
  checkpoint_quorum: {
    planted: 'an op above the deadline of a checkpoint that nobody has',
    plant: () => {
      const { checkpointInterval: interval } = CONFIG;
      const disks = [0, 1, 2].map(() => ({ superblock: () => 'not_found' }));
      new CheckpointQuorum(CONFIG, disks).onHistory({ op: interval + interval / 2 + 1 });
    },
  },
  recovered_files: {
    planted: 'a refusal by who has the checkpoint that names the file',
    plant: () => {
      const files = new RecoveredFiles(3);
      files.onRecovered(2, { incarnation: 7n, since: 20 });
      files.onTrace(0, { kind: 'sync_finished', op: Op(32) });
      const durable = { kind: 'view_durable', view: View(1), logView: View(1) } as const;
      files.onTrace(0, durable);
      files.onTrace(0, durable);
      const fields = { ...COMMON, replica: 2, incarnation: 7n };
      const vote = encodeMessage('startViewChange', fields, null, mix128);
      files.onReceive(0, vote as AnyMessage); // SAFETY: of one command.
      const reason = 'other_incarnation';
      files.onTrace(0, { kind: 'dropped', command: 'start_view_change', reason, from: 2 });
    },
  },
  determinism: {
    planted: 'a state machine that schedules work of its own',
    plant: () => new HostGuard().run(() => queueMicrotask(() => {})),
  },
  timestamps: {
    planted: 'an op with the time of the one before',
    plant: () => {
      const log = logOf(1);
      log.onCommitted(0, { ...commit(2), timestamp: 100 });
    },
  },
  never_back: {
    planted: 'a view that goes from 3 to 2',
    plant: () => {
      const checker = new NeverBack();
      checker.onSnapshot(replicaState({ view: View(3), logView: View(2) }));
      checker.onSnapshot(replicaState({ view: View(2), logView: View(2) }));
    },
  },
  bounds: {
    planted: 'a pipeline of five',
    plant: () => {
      const state = replicaState({ isPrimary: true, pipelineLength: 5 });
      checkBounds(state, { config: CONFIG, replicaCount: 3 });
    },
  },
  recovery: {
    planted: 'a doubtful head over a log that was just formatted',
    plant: () => {
      const { promises } = formatted();
      promises.onStarted(0, replicaState({ status: 'recovering_head' }));
    },
  },
  disk_order: {
    planted: 'a redundant header without its body',
    plant: () => {
      const { storage } = formatted();
      const { bytes } = prepare(1);
      const ring = new Uint8Array(4096);
      ring.set(bytes.subarray(0, 256), 256);
      storage.write('wal_headers', 0, ring, () => {});
    },
  },
  honest_peers: {
    planted: 'a log that contradicts what its author said before',
    plant: () => {
      const dropped = { kind: 'dropped', command: 'do_view_change', from: 1 } as const;
      checkHonestPeers(0, { ...dropped, reason: 'log_conflict' }, new Set());
    },
  },
  byzantine: {
    planted: 'an honest replica that stops at a lie that can be told',
    plant: () => {
      const name = 'ByzantineReplayOldView';
      const liar = optionsOf(name).byzantine?.liar ?? 0;
      return checkerOf(name, {
        ...productionMaker,
        create: (setup) => {
          if (setup.slot !== liar) setup.onFatal('diverged');
          return productionMaker.create(setup);
        },
      });
    },
  },
  liveness: {
    planted: 'replicas of which none is heard',
    plant: () =>
      checkerOf('baseline', {
        ...productionMaker,
        create: (setup) => {
          const transport = { sendToReplica: () => {}, sendToClient: () => {} };
          return productionMaker.create({ ...setup, ports: { ...setup.ports, transport } });
        },
      }),
  },
};

function optionsOf(scenario: string) {
  const options = scenarioOptions(scenario, 1n);
  if (options === null) throw new Error('there is such a scenario');
  return { ...options, safetyTicksMax: 100, livenessTicksMax: 200 };
}

/** The checker that ends a short run of such replicas. */
function checkerOf(scenario: string, maker: ReplicaMaker): CheckerName | null {
  return runSeed({ seed: 1n, simulation: optionsOf(scenario), maker }).checker;
}

function request(number: number): Message<'request'> {
  const register = number === 0;
  const operation = register ? OPERATION_REGISTER : OPERATION_ADD;
  const session = register ? 0 : 16_384;
  const body = new Uint8Array(register ? [] : [5, 3]);
  const fields = { ...COMMON, replica: 255, incarnation: 0n, client: ALICE };
  return encodeMessage('request', { ...fields, session, request: number, operation }, body, mix128);
}

/** Op 1 registers a client, op 2 adds 3. */
function commit(op: number): CommittedEvent {
  const body = new Uint8Array(4096);
  const end = writeBatch(body, 0, [request(op - 1)]);
  return {
    kind: 'committed',
    op: Op(op),
    view: View(0),
    checksum: Checksum(BigInt(op)),
    timestamp: op * 100,
    count: 1,
    body: body.subarray(0, end),
  };
}

/** A history of that many ops. */
function logOf(ops: number): OneHistory {
  const log = new OneHistory(3);
  log.observePrepare(1n, 7n);
  log.observePrepare(2n, 1n);
  for (let op = 1; op <= ops; op += 1) log.onCommitted(0, commit(op));
  return log;
}

/** A client hears this value as the answer of its add, at this op. */
function answered(op: number, value: number): void {
  const log = logOf(0);
  const replies = new Replies(log, CONFIG, new CounterModel());
  for (const at of [1, 2]) {
    const entry = log.onCommitted(0, commit(at));
    if (entry !== null) replies.onHistory(entry);
  }
  const asked = request(1);
  const { client, session, checksum, operation } = asked.header;
  const own = { client, session, operation, requestChecksum: checksum, request: 1 };
  const body = Uint8Array.of(value, 0, 0, 0, 0, 0, 0, 0);
  const place = { op: Op(op), timestamp: 1, index: 0 };
  const reply = encodeMessage('reply', { ...COMMON, ...own, ...place }, body, mix128);
  replies.onReplied(ALICE, { operation, body: asked.body }, reply);
}

function prepare(op: number): Message<'prepare'> {
  const zero = Checksum(0n);
  const own = { parent: zero, checkpointId: zero, commit: Op(0), timestamp: 1, count: 0 };
  return encodeMessage('prepare', { ...COMMON, ...own, op: Op(op) }, null, mix128);
}

/** The disk of a replica that was just formatted. */
function formatted(): { readonly storage: SimulatedStorage; readonly promises: Promises } {
  const atlas = { replicaCount: 3, config: CONFIG, wal: false, blocks: false };
  const storage = new SimulatedStorage({
    queue: new EventQueue(),
    prng: new Prng(1n),
    options: STORAGE_CALM,
    config: CONFIG,
    checksum: mix128,
    slot: 0,
    atlas: new FaultAtlas(new Prng(1n), atlas),
    faults: null,
  });
  const machine = { name: 'canary', id: 1n };
  const identity = { machine, cluster: 1n, slot: 0, replicaCount: 3, incarnation: 1n };
  storage.format(formatReplica({ config: CONFIG, checksum: mix128, ...identity }));
  return { storage, promises: new Promises([storage.evidence]) };
}

function caught({ plant }: Canary): string {
  try {
    return plant() ?? 'nothing';
  } catch (error) {
    if (error instanceof Violation) return error.checker;
    throw error;
  }
}

describe('the canary', () => {
  // SAFETY: the names of the record itself.
  const names = Object.keys(CANARIES) as CheckerName[];

  it.each(names)('of %s is caught by it', (name) => {
    expect(caught(CANARIES[name])).toBe(name);
  });

  it('of each checker is in the documentation, with its property, source and evidence', () => {
    const page = readFileSync(new URL('../../../../docs/vopr.md', import.meta.url), 'utf8');
    const section = page.split('\n## ').find((part) => part.startsWith('Checkers\n')) ?? '';
    const rows = section.split('\n').flatMap((line) => {
      const cells = line.split('|').map((cell) => cell.trim());
      const isRow = cells.length === 7 && cells[1] !== 'name' && /^[a-z_]+$/.test(cells[1] ?? '');
      return isRow ? [cells.slice(1, 6)] : [];
    });
    const told = rows.map(([name, , , , planted]) => [name, planted]);
    expect(told).toEqual(
      Object.keys(CHECKERS).map((name) => [name, CANARIES[name as CheckerName].planted]),
    );
    for (const row of rows) for (const cell of row) expect(cell.length, row[0]).toBeGreaterThan(2);
  });
});

describe('what a checker or a scenario says besides', () => {
  it('holds a scrubber to its share of the disk', () => {
    const scrub = { tourTicks: 1, bytesPerTick: 8192 };
    const read = (scrubBytes: number): void =>
      checkScrubShare(replicaState({ scrubBytes }), scrub, 1_000);
    read(8_192_000);
    expect(() => read(2 * 8_192_000)).toThrow(
      'bounds: replica 0: scrubbing has read 16384000 bytes',
    );
  });

  it('fails a stop before any lie was told, where one that was would excuse it', () => {
    const name = 'ByzantineFalseNack';
    const liar = optionsOf(name).byzantine?.liar ?? 0;
    const maker: ReplicaMaker = {
      ...productionMaker,
      create: (setup) => {
        if (setup.slot !== liar) setup.onFatal('diverged');
        return productionMaker.create(setup);
      },
    };
    const result = runSeed({ seed: 1n, simulation: optionsOf(name), maker });
    expect(result).toMatchObject({ verdict: 'correctness', checker: 'byzantine' });
    expect(result.message).toContain('though no lie had come to it, or to anybody that it heard');
    expect(result.totals.stopsUnexplained).toBeGreaterThan(0);
  });

  it('ends a run in which something happened that its scenario rules out', () => {
    const name = 'baseline';
    const allowed = (most: number) => {
      const witnesses = [{ counter: 'requestsAnswered', least: 1, most } as const];
      const simulation = { ...optionsOf(name), requestsTarget: 8, witnesses };
      const { verdict, message } = runSeed({
        seed: 1n,
        simulation: { ...simulation, safetyTicksMax: 1_000, livenessTicksMax: 2_000 },
      });
      return { verdict, message };
    };
    expect(allowed(1_000_000)).toEqual({ verdict: 'ok', message: 'converged' });
    const { verdict, message } = allowed(2);
    expect(verdict).toBe('correctness');
    expect(message).toMatch(/^the scenario rules out: requests_answered \d+ of at most 2$/);
  });

  it('stands in the documentation beside the names of the predecessor', () => {
    const page = readFileSync(new URL('../../../../docs/vopr.md', import.meta.url), 'utf8');
    const rows = tableRows(page, ['of the predecessor', 'here']);
    const theirs = rows.flatMap(([names = '']) => names.split(', '));
    expect(new Set(theirs).size).toBe(CHECKERS_OWED);
    expect(theirs).toHaveLength(CHECKERS_OWED);
    for (const [names, here = ''] of rows) {
      const ours = here.match(
        /[a-z]+(?:_[a-z]+)+|\b(?:replies|promises|bounds|recovery|liveness|linearizable|byzantine)\b/g,
      );
      const said = here.startsWith('states nothing') || here.startsWith('no checker');
      expect(said || (ours ?? []).length > 0, names).toBe(true);
      for (const name of ours ?? []) expect(Object.keys(CHECKERS), names).toContain(name);
    }
  });
});
