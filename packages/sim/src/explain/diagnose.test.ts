import { AssertionError } from '@kimberlite/store';
import type { AnyMessage, TraceEvent } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import type { HostSetup, ReplicaMaker } from '../cluster/replica-maker.ts';
import { NOTHING_REMOVED } from '../faults/fault-gate.ts';
import type { SimulationOptions } from '../run/options.ts';
import { productionMaker } from '../run/production-maker.ts';
import { runSeed } from '../run/run-seed.ts';
import { scenarioOptions } from '../scenarios/registry.ts';
import { counterWorkload } from '../workload/counter-machine.ts';
import type { Workload } from '../workload/workload.ts';
import { bundleOf } from './bundle.ts';
import { type Diagnosis, diagnose, diagnosisText } from './diagnose.ts';
import type { ReplayParts } from './replay.ts';

interface Told extends Diagnosis {
  readonly message: string;
  readonly text: string;
}

/** What is told of a failure of these parts in a short run of a scenario. */
function diagnosisOf(
  scenario: string,
  parts: ReplayParts,
  short: Partial<SimulationOptions> = {},
): Told {
  const drawn = scenarioOptions(scenario, 1n);
  if (drawn === null) throw new Error('there is such a scenario');
  const options: SimulationOptions = { ...drawn, ...short };
  const result = runSeed({ seed: 1n, simulation: options, ...parts });
  const context = { commit: 'test', mutant: null, scenario, options };
  const bundle = bundleOf(result, { ...context, removed: NOTHING_REMOVED });
  if (bundle === null) throw new Error(`it fails: ${result.message}`);
  const found = diagnose(bundle, parts);
  return { ...found, message: bundle.message, text: diagnosisText(found) };
}

/** What is told of a machine in which an assertion says this, from op 7 on. */
function diagnosisOfMachine(message: string): Told {
  const execute: typeof counterWorkload.stateMachine = () => {
    const machine = counterWorkload.stateMachine();
    return {
      ...machine,
      execute: (request, context) => {
        if (context.op >= 7) throw new AssertionError(message);
        return machine.execute(request, context);
      },
    };
  };
  return diagnosisOf('baseline', {
    workload: (): Workload => ({ ...counterWorkload, stateMachine: execute }),
  });
}

/** Replicas that end themselves at what one of them tells. */
function stoppingMaker(stops: (slot: number, event: TraceEvent) => string | null): ReplicaMaker {
  const create = (setup: HostSetup) => {
    const trace = {
      trace: (event: TraceEvent) => {
        setup.ports.trace.trace(event);
        const reason = stops(setup.slot, event);
        if (reason !== null) setup.onFatal(reason);
      },
    };
    return productionMaker.create({ ...setup, ports: { ...setup.ports, trace } });
  };
  return { ...productionMaker, create };
}

/** Replicas whose words do not all reach the others. */
function silentMaker(drops: (to: number, message: AnyMessage) => boolean): ReplicaMaker {
  const create = (setup: HostSetup) => {
    const { transport } = setup.ports;
    const sendToReplica = (to: number, message: AnyMessage): void => {
      if (!drops(to, message)) transport.sendToReplica(to, message);
    };
    const ports = { ...setup.ports, transport: { ...transport, sendToReplica } };
    return productionMaker.create({ ...setup, ports });
  };
  return { ...productionMaker, create };
}

/** Too little is answered for any of them to be left out when they heal. */
const SHORT = {
  ...{ introduced: true, safetyTicksMax: 100, livenessTicksMax: 300 },
  requestsTarget: 1_000_000,
};

describe('a diagnosis', () => {
  it('names the replica and the op of the verdict, and shows what led to it', () => {
    const found = diagnosisOfMachine('replica 2 spoils op 5');
    expect(found).toMatchObject({ slot: 2, op: 5 });
    expect(found.promise).toBe('the code itself: assertion: replica 2 spoils op 5');
    expect(found.lines.slice(0, -1).every((line) => /\b(op|commit) 5\b/.test(line))).toBe(true);
    expect(found.lines.some((line) => line.includes('committed op 5'))).toBe(true);
  });

  it('finds out who it was where the verdict does not say', () => {
    const found = diagnosisOfMachine('spoilt');
    expect(found.slot).not.toBeNull();
    expect(found.lines.length).toBeGreaterThan(3);
    for (const line of found.lines)
      expect(line).toMatch(new RegExp(`^ *\\d+ #\\d+ +${found.slot} `));
    expect(found.event).toBeGreaterThan(0);
    expect(found).toMatchObject({ stop: null, lies: null, standing: [] });
  });

  it('blames the replica that gave an answer for it', () => {
    const model = { execute: () => new Uint8Array([1, 2, 3]) };
    const wrong: Workload = { ...counterWorkload, model: () => model };
    const found = diagnosisOf('baseline', { workload: () => wrong });
    expect(found.message).toMatch(/^replies: /);
    expect(found.slot).not.toBeNull();
  });
});

describe('a diagnosis of a run that goes another way here', () => {
  it('says so before all else', () => {
    const options = scenarioOptions('baseline', 1n);
    if (options === null) throw new Error('there is a baseline');
    const short = { ...options, requestsTarget: 1 };
    const result = runSeed({ seed: 1n, simulation: short });
    const context = { commit: 'test', mutant: null, scenario: 'baseline', options: short };
    const failed = { ...result, verdict: 'crash', message: 'assertion: gone' } as const;
    const bundle = bundleOf(failed, { ...context, removed: NOTHING_REMOVED });
    if (bundle === null) throw new Error('it is told to have failed');
    expect(diagnosisText(diagnose(bundle))).toMatch(
      /^NOT the same here:\n {2}verdict: ok, not crash\n/,
    );
  });
});

describe('a diagnosis of a replica that stopped', () => {
  it('names it, why it stopped, and has the line of the stop', () => {
    const maker = stoppingMaker((slot, event) =>
      slot === 2 && event.kind === 'acknowledged' && event.op === 9 ? 'wal_corrupt' : null,
    );
    const found = diagnosisOf('baseline', { maker });
    expect(found).toMatchObject({ slot: 2, op: 9, stop: { slot: 2, reason: 'wal_corrupt' } });
    expect(found.message).toBe('assertion: replica gave up: wal_corrupt');
    expect(found.lines.at(-1)).toMatch(/ 2 backup +view .* STOPPED wal_corrupt$/);
    expect(found.text).toMatch(
      /^replica 2 stopped itself at event \d+: wal_corrupt \(its log holds what no crash leaves/m,
    );
  });

  it('names the lie that it took', () => {
    const maker = stoppingMaker((_slot, event) =>
      event.kind === 'dropped' && event.reason === 'wrong_cluster' ? 'diverged' : null,
    );
    const found = diagnosisOf('ByzantineForeignCluster', { maker });
    expect(found.message).toMatch(/^byzantine: replica \d stopped: diverged, though the lie can/);
    expect(found.stop?.on).toMatch(/ \d > \d {2}LIE [a-z_]+ {2}[a-z_]+ view /);
    expect(found.lies?.last).toBe(found.stop?.on);
    expect(found.text).toMatch(/^lies that arrived: \d+ of [a-z_]+; the first and the last:$/m);
  });
});

describe('a diagnosis of a core that does not converge', () => {
  it('shows how each replica stands, and blames none where all are stuck', () => {
    const found = diagnosisOf('baseline', { maker: silentMaker(() => true) }, SHORT);
    expect(found.message).toMatch(/^the core does not converge: all 4 clients wait for answers; /);
    expect(found).toMatchObject({ slot: null, op: null });
    expect(found.standing).toHaveLength(4);
    expect(found.standing[0]).toMatch(
      / - .* STUCK there is no primary of view \d+ \(all 4 clients wait for answers.*\)$/,
    );
    found.standing.slice(1).forEach((line, slot) => {
      const numbers = 'view \\d+/\\d+ op \\d+ commit \\d+/\\d+ cp \\d+';
      expect(line).toMatch(
        new RegExp(` ${slot} [a-z_]+ +${numbers} +(STUCK is in|IN ORDER) .*hears 0 of`),
      );
    });
    expect(found.text).toMatch(/^nothing was ever committed$/m);
    expect(found.text).toMatch(/^by no single replica, at no op/m);
  });

  it('blames the one that is stuck alone, whoever spoke last', () => {
    const found = diagnosisOf('baseline', { maker: silentMaker((to) => to === 2) }, SHORT);
    expect(found.slot).toBe(2);
    expect(found.message).toMatch(/does not converge: replica 2 is in view \d+, another in \d+; /);
    expect(found.standing).toHaveLength(3);
    expect(found.standing[2]).toMatch(/ STUCK is in view .*has head \d+, another \d+ \(.*\)$/);
    expect(found.standing[1]).toMatch(/ IN ORDER$/);
    expect(found.progress[0]).toMatch(/^the last commit: .* committed op \d+/);
    for (const line of found.lines) expect(line).toMatch(/^ *\d+ #\d+ +2 /);
  });

  it('shows once what is done again and again', () => {
    const maker = silentMaker((_to, { header }) => header.command === 'startView');
    const { text } = diagnosisOf('baseline', { maker }, SHORT);
    expect(text).toMatch(/^last trace lines of replicas? [012, ]+, one of each kind:$/m);
    expect(text).toMatch(/ dropped command [a-z_]+ reason stale_view from \d \(\d+ like this\)$/m);
  });
});
