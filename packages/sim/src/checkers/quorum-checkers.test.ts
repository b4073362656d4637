import { mix128 } from '@kimberlite/store';
import {
  type AnyMessage,
  Checksum,
  ClientId,
  CONFIG_SIMULATION,
  encodeMessage,
  encodeRecovery,
  OPERATION_RECOVER,
  Op,
  type ReplicaSnapshot,
  type TraceEvent,
  View,
  ZERO_CHECKSUM,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { AcknowledgedQuorum } from './acknowledged-quorum.ts';
import { CheckpointQuorum } from './checkpoint-quorum.ts';
import { NeverBack } from './never-back.ts';
import { ViewsVoted } from './views-voted.ts';
import { Violation } from './violation.ts';
import { WholeCheckpoint } from './whole-checkpoint.ts';

// Canaries: each checker is shown what it allows, and the same with one thing wrong.

function broken(run: () => void): string {
  try {
    run();
  } catch (error) {
    if (error instanceof Violation) return error.checker;
    throw error;
  }
  return 'nothing';
}

function common(replica: number, view: number) {
  return { cluster: 1n, replica, view: View(view), release: 1, incarnation: 1n };
}

const PREPARE = Checksum(77n);

/** Each replica's first file has the number 1. */
function prepareOk(
  replica: number,
  view: number,
  { durable = 1, incarnation = 1n } = {},
): AnyMessage {
  const checkpoint = { checkpointId: ZERO_CHECKSUM, checkpointOp: Op(0) };
  const own = { prepareChecksum: PREPARE, op: Op(4), commitMin: Op(0), durable, ...checkpoint };
  // SAFETY: of one command.
  return encodeMessage(
    'prepareOk',
    { ...common(replica, view), ...own, incarnation },
    null,
    mix128,
  ) as AnyMessage;
}

describe('acknowledged_quorum', () => {
  const disks = (holders: readonly number[]) =>
    [0, 1, 2, 3, 4].map((slot) => ({ wasDurable: () => holders.includes(slot) }));
  const commit = { op: 4, checksum: PREPARE as bigint, requests: [] };

  it('allows what the primary and two backups of one view have', () => {
    const checker = new AcknowledgedQuorum(disks([0, 1, 2]));
    checker.onReceive(0, prepareOk(1, 16));
    checker.onReceive(0, prepareOk(2, 16));
    checker.onHistory(commit);
  });

  it('catches votes of two views that are a quorum only together', () => {
    const checker = new AcknowledgedQuorum(disks([0, 1, 2]));
    checker.onReceive(0, prepareOk(1, 0));
    checker.onReceive(0, prepareOk(2, 16));
    expect(broken(() => checker.onHistory(commit))).toBe('acknowledged_quorum');
  });

  it('catches a vote counted twice, one that is not durable, and one sent to another', () => {
    const checker = new AcknowledgedQuorum(disks([0, 1, 2]));
    checker.onReceive(0, prepareOk(1, 16));
    checker.onReceive(0, prepareOk(1, 16));
    checker.onReceive(0, prepareOk(2, 16, { durable: 0 }));
    checker.onReceive(1, prepareOk(3, 16));
    expect(broken(() => checker.onHistory(commit))).toBe('acknowledged_quorum');
  });

  it('catches a primary that counts itself before its own copy is there', () => {
    const checker = new AcknowledgedQuorum(disks([1, 2]));
    checker.onReceive(0, prepareOk(1, 16));
    checker.onReceive(0, prepareOk(2, 16));
    expect(broken(() => checker.onHistory(commit))).toBe('acknowledged_quorum');
  });
});

describe('acknowledged_quorum, where an op names a file in place of a lost one', () => {
  const disks = [0, 1, 2, 3, 4].map((slot) => ({ wasDurable: () => slot <= 2 }));
  const recover = {
    client: ClientId(9n),
    session: 1,
    request: 1,
    operation: OPERATION_RECOVER,
    requestChecksum: ZERO_CHECKSUM,
    body: encodeRecovery({ slot: 2, incarnation: 77n }),
  };
  const commit = { op: 4, checksum: PREPARE as bigint, requests: [recover] };

  function acknowledgedBy(incarnation: bigint): AcknowledgedQuorum {
    const checker = new AcknowledgedQuorum(disks);
    checker.onReceive(0, prepareOk(1, 16));
    checker.onReceive(0, prepareOk(2, 16, { incarnation }));
    return checker;
  }

  it('catches that op, and a later one, committed with a vote of the lost file', () => {
    const checker = acknowledgedBy(1n);
    checker.onHistory(commit);
    expect(broken(() => checker.onRecovered({ peer: 2, op: 4 }))).toBe('acknowledged_quorum');
    checker.onReceive(0, prepareOk(1, 16));
    checker.onReceive(0, prepareOk(2, 16));
    const later = { ...commit, op: 5, requests: [] };
    expect(broken(() => checker.onHistory(later))).toBe('acknowledged_quorum');
  });

  it('allows votes of the new one, and of who is not replaced', () => {
    const checker = acknowledgedBy(77n);
    checker.onHistory(commit);
    checker.onRecovered({ peer: 2, op: 4 });
    const others = acknowledgedBy(1n);
    others.onReceive(0, prepareOk(3, 16));
    others.onHistory(commit);
    others.onRecovered({ peer: 2, op: 4 });
  });

  it('allows the lost file in an op that was refused when it executed', () => {
    const checker = acknowledgedBy(1n);
    checker.onHistory(commit);
    checker.onRecovered({ peer: 2, op: 3 });
  });
});

describe('views_voted', () => {
  const vote = (view: number): TraceEvent => ({
    kind: 'vote',
    view: View(view),
    reason: 'primary_silent',
  });
  const durable = (view: number): TraceEvent => ({
    kind: 'view_durable',
    view: View(view),
    logView: View(0),
  });

  it('allows a view that a quorum voted for, also where slots are skipped', () => {
    const checker = new ViewsVoted(3);
    checker.onTrace(0, vote(2));
    const sent = encodeMessage('startViewChange', common(1, 2), null, mix128);
    checker.onSend(1, sent as AnyMessage); // SAFETY: of one command.
    checker.onTrace(2, durable(16));
    checker.onTrace(0, durable(16));
  });

  it('catches one that a single replica moved to, by itself or by voting twice', () => {
    const checker = new ViewsVoted(3);
    checker.onTrace(1, vote(0));
    checker.onTrace(1, vote(0));
    expect(broken(() => checker.onTrace(1, durable(1)))).toBe('views_voted');
    expect(broken(() => new ViewsVoted(3).onTrace(0, durable(5)))).toBe('views_voted');
  });

  it('allows a new file the view of a peer, and the next where it would lead in that', () => {
    const raised = (theirs: number, view: number): TraceEvent => ({
      kind: 'view_raised',
      peer: 1,
      theirs: View(theirs),
      view: View(view),
    });
    const raise = (theirs: number, view: number, slot: number): void => {
      const checker = new ViewsVoted(3);
      checker.onRecovered(48);
      checker.onTrace(slot, raised(theirs, view));
      checker.onTrace(slot, durable(view));
    };
    raise(48, 49, 0);
    raise(48, 48, 1);
    raise(34, 48, 2);
    expect(broken(() => raise(48, 50, 0))).toBe('views_voted');
    expect(broken(() => raise(48, 49, 1))).toBe('views_voted');
    expect(broken(() => raise(49, 49, 0))).toBe('views_voted');
  });

  it('allows a new file the view of a peer that crashed before it could say that it had it', () => {
    const checker = new ViewsVoted(3);
    checker.onRecovered(16);
    for (const slot of [0, 1]) checker.onTrace(slot, vote(16));
    const raised = { kind: 'view_raised', peer: 1, theirs: View(17), view: View(17) } as const;
    checker.onTrace(2, raised);
    checker.onTrace(2, durable(17));
  });
});

describe('checkpoint_quorum', () => {
  const { checkpointInterval: interval } = CONFIG_SIMULATION;
  const disks = [0, 1, 2].map(() => ({ superblock: () => 'not_found' }));
  const durable: TraceEvent = {
    kind: 'checkpoint_durable',
    op: Op(interval),
    id: Checksum(1n),
  };
  const deadline = interval + interval / 2;

  it('allows an op above the deadline and a transfer when two of three have it', () => {
    const checker = new CheckpointQuorum(CONFIG_SIMULATION, disks);
    checker.onHistory({ op: deadline });
    checker.onTrace(0, durable);
    checker.onTrace(1, durable);
    checker.onHistory({ op: deadline + 1 });
    checker.onTrace(2, { kind: 'sync_started', op: Op(3), target: Op(interval) });
  });

  it('catches them when one has it, however often it says so', () => {
    const checker = new CheckpointQuorum(CONFIG_SIMULATION, disks);
    checker.onTrace(0, durable);
    checker.onTrace(0, durable);
    const commit = (): void => checker.onHistory({ op: deadline + 1 });
    expect(broken(commit)).toBe('checkpoint_quorum');
    const sync: TraceEvent = { kind: 'sync_started', op: Op(3), target: Op(interval) };
    expect(broken(() => checker.onTrace(2, sync))).toBe('checkpoint_quorum');
  });

  it('catches an acknowledgement on top of a checkpoint that is still fetched', () => {
    const checker = new CheckpointQuorum(CONFIG_SIMULATION, disks);
    for (const slot of [0, 1]) checker.onTrace(slot, durable);
    checker.onTrace(2, { kind: 'sync_started', op: Op(3), target: Op(interval) });
    const acknowledge = (op: number): void => {
      const [view, checksum] = [View(0), Checksum(2n)];
      checker.onTrace(2, { kind: 'acknowledged', op: Op(op), view, checksum });
    };
    acknowledge(deadline);
    expect(broken(() => acknowledge(deadline + 1))).toBe('checkpoint_quorum');
    checker.onTrace(2, { kind: 'sync_finished', op: Op(interval) });
    acknowledge(deadline + 1);
  });

  it('forgets a transfer that a crash or a new disk has ended', () => {
    const before = { checkpoint: { op: 0 } };
    const checker = new CheckpointQuorum(CONFIG_SIMULATION, [
      ...disks.slice(0, 2),
      { superblock: () => before },
    ]);
    for (const slot of [0, 1]) checker.onTrace(slot, durable);
    const [op, view, checksum] = [Op(deadline + 1), View(0), Checksum(2n)];
    for (const end of ['onStarting', 'onDiskLost'] as const) {
      checker.onTrace(2, { kind: 'sync_started', op: Op(3), target: Op(interval) });
      checker[end](2);
      checker.onTrace(2, { kind: 'acknowledged', op, view, checksum });
    }
  });
});

describe('whole_checkpoint', () => {
  const lost = { address: 3, problem: 'its checksum is another', rotten: true };
  const superblock = { checkpoint: { op: 16 } };
  const checker = (fault: typeof lost | null): WholeCheckpoint =>
    new WholeCheckpoint(
      [{ superblock: () => superblock, checkpointFault: () => fault }],
      new Set([1]),
    );

  it('allows a checkpoint whose blocks were all written, and one that is not durable yet', () => {
    checker(null).onCheckpoint(0, 16);
    checker(lost).onCheckpoint(0, 32);
  });

  it('catches one that lacks a block', () => {
    expect(broken(() => checker(lost).onCheckpoint(0, 16))).toBe('whole_checkpoint');
  });
});

describe('never_back', () => {
  const state: Parameters<NeverBack['onSnapshot']>[0] = {
    slot: 1,
    view: View(3),
    logView: View(2),
    commitMin: Op(7),
    commitMax: Op(9),
    checkpointOp: Op(0),
  };

  it('allows growth, and a commit number that begins anew with the process', () => {
    const checker = new NeverBack();
    checker.onSnapshot(state);
    checker.onSnapshot({ ...state, commitMin: Op(8) });
    checker.onStopped(1);
    checker.onSnapshot({ ...state, commitMin: Op(0), commitMax: Op(0) });
  });

  it('catches each number that goes back', () => {
    const back: Partial<ReplicaSnapshot>[] = [
      { view: View(2) },
      { logView: View(1) },
      { commitMin: Op(6) },
      { commitMax: Op(8) },
    ];
    for (const change of back) {
      const checker = new NeverBack();
      checker.onSnapshot(state);
      expect(broken(() => checker.onSnapshot({ ...state, ...change }))).toBe('never_back');
    }
  });
});
