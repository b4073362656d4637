import { Checksum, CONFIG_SIMULATION, Op, type TraceEvent, View } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { Violation } from '../checkers/violation.ts';
import { outcomeOfStop } from '../run/judge-lies.ts';
import { Exposure } from './exposure.ts';
import type { ByzantineOptions } from './mutation.ts';

const LIAR = 2;
const SECOND = 1_000_000;
const INTERVAL = CONFIG_SIMULATION.checkpointInterval;

function exposure(options: Partial<ByzantineOptions> = {}): Exposure {
  const { expects = 'divergence_found', rejections = [], ...rest } = options;
  const lies = { liar: LIAR, rules: [], expects, rejections, ...rest };
  return new Exposure(lies, { replicaCount: 3, config: CONFIG_SIMULATION });
}

function committed(op: number, checksum: bigint): TraceEvent {
  return {
    kind: 'committed',
    op: Op(op),
    view: View(1),
    checksum: Checksum(checksum),
    timestamp: 0,
    count: 0,
    body: new Uint8Array(0),
  };
}

function checkpoint(op: number, id = 1n): TraceEvent {
  return { kind: 'checkpoint_durable', op: Op(op), id: Checksum(id) };
}

function dropped(from: number): TraceEvent {
  return { kind: 'dropped', command: 'commit', reason: 'stale_view', from };
}

/** Whether this counts as the refusal of a lie that the replica is just told. */
function heard(lies: Exposure, slot: number, event: TraceEvent): boolean {
  let counted = false;
  lies.heard.hear({ from: LIAR, to: slot, lie: 'any' }, () => {
    counted = lies.onTrace(slot, event, 0);
  });
  return counted;
}

/** Two honest replicas have committed different ops 1, at one second. */
function diverged(): Exposure {
  const lies = exposure();
  lies.onTrace(0, committed(1, 11n), SECOND / 2);
  lies.onTrace(1, committed(1, 12n), SECOND);
  return lies;
}

/** Three checkpoints, which is one more than a divergence may live through. */
function makeCheckpoints(lies: Exposure, micros: number): void {
  for (let at = 1; at <= 3; at += 1) lies.onTrace(0, checkpoint(at * INTERVAL), micros);
}

/** A lie that this replica does not refuse. */
function told(lies: Exposure, slot: number): void {
  lies.heard.hear({ from: LIAR, to: slot, lie: 'shift_op' }, () => {});
}

describe('what lies come to', () => {
  it('is a broken promise of our own before any has arrived, and a belief from then on', () => {
    const lies = exposure();
    const broken = (): void => {
      throw new Violation('promises', 'broken');
    };
    expect(() => lies.judge(1, broken)).toThrow('promises: broken');
    told(lies, 0);
    lies.judge(2, broken);
    expect(lies.belief).toMatchObject({ micros: 2 });
  });

  it('is an answer from the past, where that may be, of whom a lie has reached alone', () => {
    const lies = exposure({ expects: 'stale_answers' });
    told(lies, 0);
    expect([lies.onStaleAnswer(0), lies.onStaleAnswer(1)]).toEqual([true, false]);
    expect(lies.staleAnswers).toBe(1);
    const elsewhere = exposure();
    told(elsewhere, 0);
    expect(elsewhere.onStaleAnswer(0)).toBe(false);
    const broken = (): void => {
      throw new Violation('replies', 'broken');
    };
    expect(() => lies.judge(2, broken)).toThrow('replies: broken');
    lies.onFatal(0, 'diverged', SECOND);
    expect(outcomeOfStop(lies, SECOND)).toMatchObject({ verdict: 'correctness' });
  });

  it('explains no stop of a replica that none has reached', () => {
    const lies = exposure();
    told(lies, 1);
    lies.onFatal(0, 'diverged', SECOND);
    expect(lies).toMatchObject({ stoppedUnreached: true, stopsUnexplained: 1 });
    expect(outcomeOfStop(lies, SECOND)).toMatchObject({
      verdict: 'correctness',
      message:
        'byzantine: replica 0 stopped: diverged, though no lie had come to it, or to anybody ' +
        'that it heard',
    });
  });

  it('explains the stop of one that was told, and only counts that of one that heard of it', () => {
    const lies = exposure();
    told(lies, 1);
    lies.heard.hear({ from: 1, to: 0, lie: null }, () => {});
    lies.onFatal(1, 'diverged', SECOND);
    expect(lies).toMatchObject({ stoppedUnreached: false, stopsUnexplained: 0 });
    lies.onFatal(0, 'diverged', SECOND);
    expect(lies).toMatchObject({ stoppedUnreached: false, stopsUnexplained: 1 });
    expect(outcomeOfStop(lies, SECOND)).toMatchObject({ verdict: 'ok' });
  });

  it('is a divergence when two honest replicas differ, whatever the liar holds', () => {
    expect(diverged().divergence?.message).toBe('replicas 0 and 1 committed different ops 1');
    const alone = exposure();
    alone.onTrace(0, committed(1, 11n), 0);
    alone.onTrace(LIAR, committed(1, 12n), 0);
    expect(alone.divergence).toBeNull();
    const states = exposure();
    states.onTrace(0, checkpoint(INTERVAL, 5n), 0);
    states.onTrace(1, checkpoint(INTERVAL, 6n), 0);
    expect(states.divergence?.message).toBe(`replicas 0 and 1 differ after op ${INTERVAL}`);
  });

  it('is overdue after ten seconds and two checkpoints, whichever comes later', () => {
    const slow = diverged();
    makeCheckpoints(slow, 2 * SECOND);
    expect(slow.isOverdue(11 * SECOND)).toBe(false);
    expect(slow.isOverdue(11 * SECOND + 1)).toBe(true);
    const idle = diverged();
    expect(idle.isOverdue(100 * SECOND)).toBe(false);
    makeCheckpoints(idle, 100 * SECOND);
    expect(idle.isDecided(100 * SECOND)).toBe(true);
  });

  it('was found late when a replica stopped after that', () => {
    const late = diverged();
    makeCheckpoints(late, SECOND);
    late.onFatal(0, 'diverged', 12 * SECOND);
    expect(late).toMatchObject({ stopped: 0, stoppedLate: true });
    expect(late.isOverdue(13 * SECOND)).toBe(false);
    const early = diverged();
    early.onFatal(1, 'diverged', 2 * SECOND);
    makeCheckpoints(early, 20 * SECOND);
    expect(early).toMatchObject({ stopped: 1, stoppedLate: false, settled: true });
  });

  it('is not to be found any more when one of the two took over a state', () => {
    const lies = diverged();
    lies.onTrace(0, { kind: 'sync_finished', op: Op(INTERVAL) }, 2 * SECOND);
    expect(lies.divergence).toBeNull();
    lies.onTrace(1, committed(2, 20n), 2 * SECOND);
    lies.onTrace(0, committed(2, 21n), 3 * SECOND);
    expect(lies.divergence).toMatchObject({ micros: 3 * SECOND });
  });

  it('is a broken promise at once when a replica gives up what it committed itself', () => {
    const lies = exposure();
    lies.onTrace(0, committed(1, 11n), 0);
    lies.onTrace(0, committed(1, 11n), 1);
    expect(() => lies.onTrace(0, committed(1, 12n), 2)).toThrow(Violation);
  });

  it('is an op forgotten when the log ends below what was committed', () => {
    const lies = exposure();
    lies.onTrace(1, committed(3, 9n), 0);
    expect(lies.forgotten(3)).toBeNull();
    expect(lies.forgotten(2)).toBe('replica 1 committed op 3, and the log ends at 2');
  });

  it('counts as a rejection what the liar said, or was said in the name that it uses', () => {
    const own = exposure({ rejections: ['stale_view'] });
    expect(heard(own, 0, dropped(LIAR))).toBe(true);
    expect(heard(own, 0, dropped(1))).toBe(false);
    expect(heard(own, LIAR, dropped(LIAR))).toBe(false);
    const named = exposure({ rejections: ['stale_view'], signs: 1 });
    expect(heard(named, 0, dropped(1))).toBe(true);
    expect(heard(named, 0, dropped(LIAR))).toBe(false);
  });

  it('counts no refusal of what the liar said in truth', () => {
    const lies = exposure({ rejections: ['stale_view'] });
    expect(lies.onTrace(0, dropped(LIAR), 0)).toBe(false);
    lies.heard.hear({ from: LIAR, to: 0, lie: null }, () => {
      expect(lies.onTrace(0, dropped(LIAR), 0)).toBe(false);
    });
    lies.heard.hear({ from: LIAR, to: 1, lie: 'lower_view' }, () => {
      expect(lies.onTrace(0, dropped(LIAR), 0)).toBe(false);
    });
    expect(lies.heard).toMatchObject({ delivered: 1, rejected: 0 });
  });

  it('counts what a replica says of its file being denied by the liar', () => {
    const denied = (peer: number): TraceEvent => {
      return { kind: 'denied', peer, reason: 'other_incarnation' };
    };
    expect(heard(exposure(), 0, denied(LIAR))).toBe(true);
    expect(heard(exposure(), 0, denied(1))).toBe(false);
    expect(heard(exposure(), LIAR, denied(LIAR))).toBe(false);
  });
});
