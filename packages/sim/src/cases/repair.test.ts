import {
  CONFIG_SIMULATION,
  isCommand,
  MAX_INFLIGHT_PER_REPLICA,
  TIMEOUTS_DEFAULT,
  ZERO_CHECKSUM,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { NETWORK_CALM } from '../network/network.ts';
import { rotBody } from '../testing/log-faults.ts';
import {
  messageIn,
  type ScriptedCluster,
  type ScriptedOptions,
} from '../testing/scripted-cluster.ts';
import { at, keepBusy, settle } from '../testing/settled.ts';

const REPAIRS = ['requestPrepare', 'requestHeaders', 'requestBlocks'] as const;

/** The same, while what the lagging replicas ask for stays under its bound. */
function loadWatched(script: ScriptedCluster, lagging: readonly number[], ticks: number): number {
  const asked = lagging.map((from) => REPAIRS.map((command) => script.watch({ from, command })));
  let answered = 0;
  let inFlight = 0;
  for (let tick = 0; tick < ticks; tick += 1) {
    answered += keepBusy(script, 1);
    for (const slot of lagging) inFlight = Math.max(inFlight, script.state(slot).repairsInFlight);
  }
  // Two in flight a peer; a place is free again after an answer or the expiry.
  expect(inFlight).toBeLessThanOrEqual(4 * MAX_INFLIGHT_PER_REPLICA);
  for (const rules of asked) {
    const sent = rules.reduce((sum, { packets }) => sum + packets.length, 0);
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(ticks);
  }
  return answered;
}

/** A cluster in which two backups have been down for 60 ops. */
function withTwoAway(options: ScriptedOptions): {
  readonly script: ScriptedCluster;
  readonly primary: number;
  readonly lagging: readonly number[];
} {
  const { script, primary, backups } = settle(options);
  const lagging = backups.slice(2);
  for (const slot of lagging) script.crash(slot);
  while (script.state(primary).op < 60) keepBusy(script, 10);
  return { script, primary, lagging };
}

describe('repair of lagging replicas', () => {
  it('stays under its bound at 15 % loss, and slows commits by less than a quarter', () => {
    // Five replicas, two of which have missed a lot. Beside it the same cluster where nobody has,
    // and one where those two are away: an op that loses a prepare then waits for its second copy,
    // and so it does until they are level. Over five seconds, of which that takes about one.
    const ticks = 500;
    const network = { ...NETWORK_CALM, lossProbability: 0.15, reorder: true };
    let usual = 0;
    let away = 0;
    let answered = 0;
    for (let seed = 1n; seed <= 6n; seed += 1n) {
      const options = { replicaCount: 5, clientCount: 4, network, seed };
      usual += keepBusy(settle(options).script, ticks);
      away += keepBusy(withTwoAway(options).script, ticks);
      const { script, primary, lagging } = withTwoAway(options);
      for (const slot of lagging) script.restart(slot);
      answered += loadWatched(script, lagging, ticks);
      expect(script.state(primary).isPrimary).toBe(true);
    }
    expect(answered).toBeGreaterThan(0.75 * usual);
    expect(answered).toBeGreaterThan(away);
  }, 120_000);

  it('asks the fast peer and seldom the slow one, while both have nothing else to do', () => {
    // Bodies rot one at a time, so every choice is free; in a burst the slow one has its share too.
    const scrub = { tourTicks: 20, bytesPerTick: 1_000_000 };
    let [chosen, toSlow] = [0, 0];
    for (let seed = 1n; seed <= 4n; seed += 1n) {
      const { script, backups } = settle({ replicaCount: 3, seed, scrub });
      const [lame, slow] = [at(backups, 0), at(backups, 1)];
      // The last few stay in memory, and are written again from there.
      while (script.state(lame).op < 14) script.add(1, 1);
      script.runUntil(() => script.converged());
      script.cluster.network.setExtraDelay(slow, lame, 300_000);
      const asked = script.watch({ from: lame, command: 'requestPrepare' });
      for (let round = 0; round < 25; round += 1) {
        const found = script.events('corrupt', lame).length;
        rotBody(script.disk(lame), 1 + (round % 5));
        script.runUntil(() => script.events('corrupt', lame).length > found);
        script.runUntil(() => script.converged() && script.state(lame).repairsInFlight === 0);
      }
      chosen += asked.packets.length;
      toSlow += asked.packets.filter(({ to }) => to === slow).length;
    }
    expect(chosen).toBeGreaterThanOrEqual(100);
    // By chance it would be half of them; one in ten is an experiment, half of these with it.
    expect(toSlow).toBeGreaterThan(0);
    expect(toSlow).toBeLessThan(chosen / 5);
  });

  it('gives up what nobody answers, and asks again', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 2 });
    const lame = at(backups, 0);
    const missed = script.cut([primary], [lame]);
    keepBusy(script, 20);
    const deaf = script.drop({ to: lame, command: 'prepare' });
    for (const rule of missed) rule.remove();
    const asked = script.watch({ from: lame, command: 'requestPrepare' });
    script.run(3 * TIMEOUTS_DEFAULT.repairExpiry);
    expect(script.state(lame).timeouts.repairExpiry).toBeGreaterThan(1);
    expect(asked.packets.length).toBeGreaterThan(1);
    // Lost answers do not lead to more and more requests.
    expect(asked.packets.length).toBeLessThan(40);
    deaf.remove();
    script.runUntil(() => script.converged());
    expect(script.state(lame).repairsInFlight).toBe(0);
  });

  it('runs its timers: ping, repair, repair sync and clock on every replica', () => {
    const { script } = settle({ replicaCount: 3 });
    script.run(300);
    for (const slot of [0, 1, 2]) {
      const { timeouts } = script.state(slot);
      for (const name of ['ping', 'repair', 'repairSync', 'clockSync'] as const)
        expect(timeouts[name]).toBeGreaterThan(2);
    }
  });
});

describe('a wide gap in the log', () => {
  /** A backup hears nothing while so many ops commit; then only what `later` lets through. */
  function missing(ops: number): ReturnType<typeof settle> & { readonly lame: number } {
    const settled = settle({ replicaCount: 3, clientCount: 1 });
    const { script, backups } = settled;
    const lame = at(backups, 1);
    const cut = [...script.cut([0, 1, 2], [lame]), ...script.cut([lame], [0, 1, 2])];
    for (let count = 0; count < ops; count += 1) script.add(1, 1);
    for (const rule of cut) rule.remove();
    return { ...settled, lame };
  }

  it('is closed by a checkpoint where one that is newer is on a quorum', () => {
    const { script, primary, lame } = missing(28);
    const { config } = script.cluster.options;
    // Less than the ring holds, more than half of it; op 16's checkpoint is proven above op 24.
    const gap = script.state(primary).op - script.state(lame).op;
    expect(gap).toBeLessThan(config.walSlots);
    expect(gap).toBeGreaterThan(config.walSlots / 2);
    // The log comes so slowly that the next look still finds a wide gap.
    const slow = script.drop({ from: lame, command: 'requestPrepare' });
    script.runUntil(() => script.events('sync_started', lame).length > 0, 150);
    slow.remove();
    script.runUntil(() => script.converged());
    expect(script.events('sync_started', lame)).toMatchObject([{ target: 16 }]);
    expect(script.events('sync_finished', lame)).toHaveLength(1);
  });

  it('is closed by the log where none is, with more ops a request', () => {
    const { script, primary, lame } = missing(20);
    const gap = script.state(primary).op - script.state(lame).op;
    expect(gap).toBeGreaterThan(script.cluster.options.config.walSlots / 2);
    const asked = script.watch({ from: lame, command: 'requestPrepare' });
    script.runUntil(() => script.converged());
    expect(script.events('sync_started', lame)).toEqual([]);
    // Far fewer requests than ops.
    expect(asked.packets.length).toBeLessThan(gap / 2);
  });

  /** A view change tells a backup of ops whose bodies it lacks; what it asks a peer for. */
  function bodiesAsked(ops: number): { readonly op: number; readonly more: number }[] {
    const { script, primary, lame } = missing(ops);
    const asked = script.watch({ from: lame, command: 'requestPrepare' });
    script.crash(primary);
    script.runUntil(() => script.primary() !== null && script.converged());
    expect(script.events('sync_started', lame)).toEqual([]);
    return asked.packets.map(messageIn).flatMap((message) => {
      if (!isCommand(message, 'requestPrepare')) return [];
      const { op, more, prepareChecksum } = message.header;
      return prepareChecksum === ZERO_CHECKSUM ? [] : [{ op, more }];
    });
  }

  it('is closed with a pipeline of bodies a request, where the headers are known', () => {
    const asked = bodiesAsked(20);
    const wide = asked.filter(({ more }) => more === CONFIG_SIMULATION.pipelineMax - 1);
    expect(wide.length).toBeGreaterThan(2);
  });

  it('that is narrow is closed with one body a request', () => {
    const asked = bodiesAsked(10);
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter(({ more }) => more > 0)).toEqual([]);
  });

  it('that is narrow is closed by the log', () => {
    const { script, lame } = missing(10);
    script.runUntil(() => script.converged());
    expect(script.events('sync_started', lame)).toEqual([]);
  });
});
