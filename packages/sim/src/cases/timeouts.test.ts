import { CONFIG_SIMULATION, isCommand, TIMEOUTS_DEFAULT } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { messageIn, type ScriptedCluster } from '../testing/scripted-cluster.ts';
import { addOne, at, keepBusy, type Settled, settle } from '../testing/settled.ts';

describe('the commit message', () => {
  it('tells backups of a commit that no prepare carries, before the heartbeat would', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const heartbeats = script.watch({ from: primary, command: 'commit' });
    let waited = 0;
    for (let round = 0; round < 20; round += 1) {
      script.add(1, 1);
      const { commitMax } = script.state(primary);
      const before = heartbeats.packets.length;
      script.runUntil(() => script.state(at(backups, 0)).commitMin === commitMax, 50);
      waited += heartbeats.packets.length - before;
      const last = messageIn(at(heartbeats.packets, -1));
      expect(isCommand(last, 'commit') && last.header.commit).toBe(commitMax);
      script.run(round); // Every phase of the heartbeat.
    }
    expect(waited).toBeGreaterThan(0);
    expect(script.state(primary).timeouts.commitMessage).toBeGreaterThan(10);
  });

  it('is not sent while prepares carry the commit number', () => {
    const { script, primary } = settle({ replicaCount: 3, clientCount: 3 });
    const before = script.state(primary).timeouts.commitMessage;
    keepBusy(script, 300);
    expect(script.state(primary).timeouts.commitMessage - before).toBeLessThan(3);
  });
});

describe('a primary whose heartbeats are lost', () => {
  const { silence } = TIMEOUTS_DEFAULT;

  it('leads on while its prepares say that it lives, and is left when they end', () => {
    const { script, primary } = settle({ replicaCount: 3, clientCount: 2 });
    const { view } = script.state(primary);
    script.drop({ from: primary, command: 'commit' });
    keepBusy(script, 2 * silence);
    expect(script.state(primary)).toMatchObject({ view, isPrimary: true });
    expect(script.events('vote').filter((vote) => vote.view === view)).toEqual([]);
    // Pings of an idle one are no proof that it can still lead.
    script.runUntil(() => script.primary() !== null && script.primary() !== primary, 3 * silence);
  });
});

describe('commits that stand still', () => {
  it('are noticed before the primary gives way, turn requests away, and end by themselves', () => {
    const { script, primary } = settle({ replicaCount: 3, clientCount: 6 });
    const { pipelineMax } = script.cluster.options.config;
    const { view } = script.state(primary);
    const acks = script.drop({ command: 'prepareOk' });
    const answers: ReturnType<typeof script.submit>[] = [];
    for (let client = 0; client < pipelineMax; client += 1) {
      answers.push(script.submit(addOne(1), client));
      script.run(2); // An op each.
    }
    expect(script.state(primary)).toMatchObject({ pipelineLength: pipelineMax });
    script.run(TIMEOUTS_DEFAULT.commitStall - 2 * pipelineMax);
    expect(script.events('commit_stalled')).toEqual([]);
    script.runUntil(() => script.events('commit_stalled').length > 0, 2 * pipelineMax + 4);
    expect(script.events('commit_stalled', primary)).toMatchObject([
      { view, waiting: pipelineMax },
    ]);
    expect(script.state(primary)).toMatchObject({ commitStalled: true });
    const { queueLength } = script.state(primary);
    const refusals = script.watch({ from: primary, command: 'refusal' });
    const late = script.submit(addOne(1), pipelineMax);
    script.runUntil(() => refusals.packets.length > 0, 20);
    script.runUntil(() => script.cluster.totals.busyRefusals === 1, 20);
    expect(script.state(primary).queueLength).toBe(queueLength);
    acks.remove();
    script.runUntil(() => script.events('commit_resumed', primary).length > 0, 60);
    script.runUntil(() => answers.every(({ body }) => body !== null));
    // It was refused for sure, and asks again.
    expect(late.body).toBeNull();
    script.add(1, 1, pipelineMax);
    expect(script.state(primary)).toMatchObject({ view, isPrimary: true, commitStalled: false });
    expect(script.events('abdicated')).toEqual([]);
    expect(script.read(1)).toBe(pipelineMax + 1);
  });

  /** So many requests wait for the primary's checkpoint, with nothing in its pipeline. */
  function waitForCheckpoint(replicaCount: number, requests: number): Settled {
    // Each keeps its session, whoever registered first.
    const config = { ...CONFIG_SIMULATION, sessionsMax: 2 * requests };
    const settled = settle({ replicaCount, clientCount: requests, config });
    const { script, primary } = settled;
    const { checkpointInterval } = script.cluster.options.config;
    script.tap.hang(primary, 'blocks');
    while (script.state(primary).op < checkpointInterval * 1.5) script.add(1, 1);
    for (const client of script.cluster.clients) client.submit(addOne(1), null);
    script.run(2);
    expect(script.state(primary)).toMatchObject({ pipelineLength: 0, queueLength: requests });
    return settled;
  }

  // A full pipeline of the simulation's four, and an op for each other replica.
  it.each([
    [3, 6],
    [5, 8],
  ])('of %i are noticed when more than %i wait, with room in the pipeline too', (size, most) => {
    const { script, primary } = waitForCheckpoint(size, most + 1);
    const { view } = script.state(primary);
    script.run(TIMEOUTS_DEFAULT.commitStall + 2);
    expect(script.events('commit_stalled')).toMatchObject([{ view, waiting: most + 1 }]);
    expect(script.state(primary)).toMatchObject({ commitStalled: true });
    expect(script.events('abdicated')).toEqual([]);
    script.tap.release(primary);
    script.runUntil(() => script.events('commit_resumed', primary).length > 0, 60);
    script.runUntil(() => script.converged());
  });

  it.each([
    [3, 6],
    [5, 8],
  ])('of %i are not spoken of while %i wait', (size, most) => {
    const { script, primary } = waitForCheckpoint(size, most);
    script.run(TIMEOUTS_DEFAULT.commitStall + 2);
    expect(script.events('commit_stalled')).toEqual([]);
    script.tap.release(primary);
    script.runUntil(() => script.converged());
  });

  it('is not said of a pipeline that is full and moves', () => {
    const { script } = settle({ replicaCount: 3, clientCount: 7 });
    keepBusy(script, 4 * TIMEOUTS_DEFAULT.commitStall);
    expect(script.events('commit_stalled')).toEqual([]);
  });
});

describe('a primary whose process is known to be gone', () => {
  const { heartbeat, silence } = TIMEOUTS_DEFAULT;

  /** Everyone is refused a connection to it. */
  function tell(script: ReturnType<typeof settle>['script'], dead: number): void {
    for (const replica of script.cluster.replicas) {
      if (replica.slot !== dead) replica.peerRefused(dead);
    }
  }

  it.each([3, 4, 5, 6])('of %i is waited for one heartbeat, not its silence', (replicaCount) => {
    const { script, primary, backups } = settle({ replicaCount });
    script.crash(primary);
    tell(script, primary);
    script.runUntil(() => script.primary() !== null, heartbeat + 10);
    expect(script.primary()).toBe(at(backups, 0));
    expect(script.add(1, 1)).toBe(1);
  });

  it('and the next one too, is passed over as soon', () => {
    const { script, primary, backups } = settle({ replicaCount: 5 });
    script.crash(primary);
    script.crash(at(backups, 0));
    tell(script, primary);
    tell(script, at(backups, 0));
    script.runUntil(() => script.primary() !== null, 2 * heartbeat + 20);
    expect(script.primary()).toBe(at(backups, 1));
    expect(script.add(1, 1)).toBe(1);
  });

  it('but is heard all the same, leads on', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const { view } = script.state(primary);
    for (let round = 0; round < 20; round += 1) {
      tell(script, primary);
      script.run(7 + round);
    }
    expect(script.state(primary)).toMatchObject({ view, isPrimary: true });
  });

  it('as one backup thinks, leads on with the others, and the one comes back to it', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const { view } = script.state(primary);
    const wrong = at(backups, 1);
    const cut = script.cut([primary], [wrong]);
    script.cluster.replica(wrong).peerRefused(primary);
    script.runUntil(() => script.events('vote', wrong).length > 0, heartbeat + 2);
    script.run(silence);
    expect(script.state(primary)).toMatchObject({ view, isPrimary: true });
    for (const rule of cut) rule.remove();
    expect(script.add(1, 1)).toBe(1);
    script.runUntil(() => script.converged());
    expect(script.state(primary)).toMatchObject({ view, isPrimary: true });
  });

  it('and comes back before the wait is over, leads no more, and the cluster goes on', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    script.crash(primary);
    tell(script, primary);
    script.run(2);
    script.restart(primary);
    expect(script.add(1, 1)).toBe(1);
    script.runUntil(() => script.converged());
  });
});

describe('a primary that hangs, and whose connections stand', () => {
  const { silence } = TIMEOUTS_DEFAULT;

  /** Who voted to leave a view because its primary was silent. */
  function votes(script: ScriptedCluster, view: number): { readonly slot: number }[] {
    return script.tap.seen.filter(({ event }) => {
      return event.kind === 'vote' && event.view === view && event.reason === 'primary_silent';
    });
  }

  it('is left by all as soon as one has waited for its silence and its jitter', () => {
    for (let seed = 1n; seed <= 8n; seed += 1n) {
      const { script, primary, backups } = settle({ replicaCount: 3, seed });
      const { view } = script.state(primary);
      const voters = (): number => votes(script, view).length;
      script.pause(primary);
      script.runUntil(() => voters() > 0);
      script.run(2);
      expect(voters()).toBe(backups.length);
    }
  });

  it('but for one backup, is not left by it, and jitter comes back', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const { view } = script.state(primary);
    const deaf = at(backups, 1);
    script.cut([primary], [deaf]);
    script.run(6 * silence);
    expect(votes(script, view).map(({ slot }) => slot)).toEqual([deaf]);
    expect(script.state(primary)).toMatchObject({ view, isPrimary: true });
  });

  it('leaves no client waiting: the next one tells them that it leads', () => {
    for (let seed = 1n; seed <= 8n; seed += 1n) {
      const { script, primary } = settle({ replicaCount: 3, clientCount: 3, seed });
      script.pause(primary);
      const answers = [0, 1, 2].map((client) => script.submit(addOne(1), client));
      script.runUntil(() => script.events('primary').length > 1, 2 * silence);
      // Not until their next retransmission.
      script.runUntil(() => answers.every(({ body }) => body !== null), 6);
      script.unpause(primary);
      script.runUntil(() => script.converged());
      expect(script.read(1)).toBe(3);
    }
  });
});

describe('timeouts that follow the network', () => {
  it('do not take slow answers for lost ones', () => {
    const { script, primary } = settle({ replicaCount: 3, clientCount: 2 });
    const { view } = script.state(primary);
    const nodes = [0, 1, 2];
    const { network } = script.cluster;
    for (const from of nodes) {
      // 300 ms each way: an acknowledgement takes longer than a prepare would be waited for.
      for (const to of nodes) if (from !== to) network.setExtraDelay(from, to, 300_000);
    }
    script.run(500);
    expect(script.state(primary).roundTripMillis).toBeGreaterThan(500);
    const { timeouts } = script.state(primary);
    const before = timeouts.prepare;
    for (let count = 0; count < 5; count += 1) script.add(1, 1);
    expect(script.state(primary).timeouts.prepare - before).toBe(0);
    expect(script.state(primary)).toMatchObject({ view, isPrimary: true });
    expect(script.events('abdicated')).toEqual([]);
  });
});
