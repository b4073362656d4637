import { describe, expect, it } from 'vitest';
import { runSeed } from '../run/run-seed.ts';
import { SCENARIOS, scenarioOptions } from '../scenarios/registry.ts';
import { type Bundle, bundleOf, decodeBundle, encodeBundle } from './bundle.ts';
import { BadBundle } from './bundle-fields.ts';
import { optionsFault } from './bundle-options.ts';
import { removedText } from './removed-text.ts';

function bundleFor(scenario: string, seed: bigint): Bundle {
  const options = scenarioOptions(scenario, seed);
  if (options === null) throw new Error('there is such a scenario');
  return {
    ...{ simVersion: '0.1.0', commit: 'abc', mutant: null, scenario, seed, options },
    removed: {
      faults: {
        loss: [
          [0, 4],
          [7, null],
        ],
        crash: [[2, 2]],
      },
      clients: [1, 3],
    },
    ...{ verdict: 'correctness', checker: 'promises', message: 'promises: replica 2 lies' },
    ...{ traceHash: '0123456789abcdef', event: 4711, micros: 12_345_678 },
  };
}

function decoded(text: string): Bundle {
  const found = decodeBundle(text, scenarioOptions);
  if (found instanceof BadBundle) throw found;
  return found.bundle;
}

/** The file of a bundle with something changed. */
function changed(change: (value: Record<string, unknown>) => void): string {
  const value = JSON.parse(encodeBundle(bundleFor('baseline', 7n))) as Record<string, unknown>;
  change(value);
  return JSON.stringify(value);
}

function faultOf(text: string): string {
  const found = decodeBundle(text, scenarioOptions);
  return found instanceof BadBundle ? found.message : 'none';
}

describe('a bundle', () => {
  it('is read as it was written, for every scenario', () => {
    for (const { name } of SCENARIOS) {
      for (const seed of [0n, 7n, (1n << 64n) - 1n]) {
        const bundle = bundleFor(name, seed);
        const text = encodeBundle(bundle);
        expect(decodeBundle(text, scenarioOptions), name).toEqual({ bundle, notes: [] });
        expect(text.length).toBeLessThan(8_192);
      }
    }
  });

  it('is made of failures only', () => {
    const options = scenarioOptions('baseline', 1n);
    if (options === null) throw new Error('there is a baseline');
    const context = { commit: 'abc', mutant: null, scenario: 'baseline', options };
    const result = runSeed({ seed: 1n, simulation: { ...options, requestsTarget: 1 } });
    const removed = { faults: {}, clients: [] };
    expect(bundleOf(result, { ...context, removed })).toBeNull();
    const failed = { ...result, verdict: 'liveness' as const };
    expect(bundleOf(failed, { ...context, removed })).toMatchObject({
      event: result.event,
      traceHash: result.traceHash,
    });
  });

  it('says what is wrong with a file that is none', () => {
    const removed = (faults: unknown) =>
      changed((value) => {
        value['removed'] = { clients: [], faults };
      });
    const option = (name: string, given: unknown) =>
      changed((value) => {
        Object.assign(value['options'] as object, { [name]: given });
      });
    const inside = (name: string, given: object) =>
      changed((value) => {
        const options = value['options'] as Record<string, object>;
        Object.assign(options[name] ?? {}, given);
      });
    const rule = { command: 'any', from: 1, to: null, probability: 1, deliver: true };
    const lies = (given: object) => ({
      ...{ liar: 1, expects: 'promises_kept', rejections: [] },
      rules: [{ ...rule, mutation: { kind: 'deny_all' }, ...given }],
    });
    const faults: readonly (readonly [string, RegExp])[] = [
      ['', /not JSON/],
      ['[]', /not an object/],
      ['{}', /format must be a text \(it is missing\)/],
      [changed((value) => Object.assign(value, { format: 'zip' })), /no bundle/],
      [changed((value) => Object.assign(value, { version: 2 })), /version 2/],
      [changed((value) => Object.assign(value, { seed: 7 })), /seed must be/],
      [changed((value) => Object.assign(value, { seed: '18446744073709551616' })), /seed must be/],
      [changed((value) => Object.assign(value, { event: -1 })), /event must be/],
      [changed((value) => Object.assign(value, { verdict: 'ok' })), /verdict must be an object/],
      [removed({ nonsense: [] }), /no kind 'nonsense'/],
      [removed({ loss: [[2, 1]] }), /removed.faults.loss/],
      [removed({ loss: [7] }), /removed.faults.loss/],
      [option('replicaCount', 'three'), /options.replicaCount must be a number/],
      [option('replicaCount', 7), /from 1 to 6/],
      [option('replicaCount', 99), /options.replicaCount must be .* from 1 to 6, not 99/],
      [option('clientCount', 0), /options.clientCount must be .* from 1 to 64, not 0/],
      [option('safetyTicksMax', -5), /safetyTicksMax must be a whole number from 0 .*, not -5/],
      [option('safetyTicksMax', null), /safetyTicksMax must not be null/],
      [inside('network', { lossProbability: 7 }), /lossProbability must be a number from 0 to 1/],
      [inside('network', { delayMeanMicros: -1 }), /delayMeanMicros must be .* from 0 /],
      [inside('network', { lossByCommand: { prepare: 2 } }), /lossByCommand.prepare must be/],
      [inside('network', { lossByCommand: { gossip: 1 } }), /no command 'gossip'/],
      [inside('network', { echoCommands: ['gossip'] }), /no command 'gossip'/],
      [inside('storage', { readMeanMicros: null }), /readMeanMicros must not be null/],
      [inside('processes', { crashDelayEventsMax: 0 }), /crashDelayEventsMax must be .* from 1/],
      [inside('partitions', { symmetry: 'odd' }), /symmetry 'odd' is unknown/],
      [inside('gray', { kinds: ['sad'] }), /kinds: 'sad' is unknown/],
      [inside('config', { walSlots: 17 }), /options.config: WAL slots must be a multiple of 16/],
      [inside('config', { sessionsMax: 1.5 }), /sessionsMax must be a whole number/],
      [inside('timeouts', { silence: 0 }), /options.timeouts: silence must be at least one tick/],
      [option('witnesses', [{ counter: 'joy', least: 1 }]), /no total 'joy'/],
      [option('byzantine', { liar: 9 }), /byzantine.liar must be a replica, from 0 to 2/],
      [option('byzantine', lies({ probability: 7 })), /rules\[0\].probability must be/],
      [option('byzantine', lies({ command: 'gossip' })), /command 'gossip' is unknown/],
      [option('byzantine', lies({ mutation: { kind: 'shout' } })), /kind 'shout' is unknown/],
      [option('byzantine', lies({ mutation: { kind: 'shift_op' } })), /mutation.by must be/],
      [option('clocks', []), /one for each replica/],
      [option('network', 3), /options.network must be an object/],
      [option('checksum', 'crc'), /'crc' is unknown/],
      [option('workload', 'mail'), /'mail' is unknown/],
    ];
    for (const [text, fault] of faults) expect(faultOf(text)).toMatch(fault);
  });

  it('may have whatever is drawn', () => {
    for (let seed = 0n; seed < 300n; seed += 1n) {
      const options = scenarioOptions('swarm', seed);
      if (options === null) throw new Error('there is a swarm');
      expect(optionsFault(options), `seed ${seed}`).toBeNull();
    }
  });

  it('of another version is completed with what its scenario has today, and says so', () => {
    const text = changed((value) => {
      const options = value['options'] as Record<string, unknown>;
      delete options['callsMax'];
      delete options['looksShared'];
      options['gravity'] = 9.81;
    });
    const found = decodeBundle(text, scenarioOptions);
    if (found instanceof BadBundle) throw found;
    expect(found.notes).toHaveLength(3);
    expect(found.notes.join()).toMatch(/gravity is not known.*callsMax is missing/);
    expect(found.bundle.options).toEqual(bundleFor('baseline', 7n).options);
  });

  it('of a scenario that is gone keeps its own parameters', () => {
    const text = changed((value) => Object.assign(value, { scenario: 'gone' }));
    expect(decoded(text).options).toEqual(bundleFor('baseline', 7n).options);
  });

  it('tells what it goes without', () => {
    expect(removedText(bundleFor('baseline', 7n).removed)).toBe(
      'left out:\n  clients 1, 3\n  loss 0-4, from 7\n  crash 2',
    );
    expect(removedText({ faults: {}, clients: [] })).toBe('nothing is left out');
    expect(removedText({ faults: { clog: [[0, null]] }, clients: [] })).toMatch(/clog all/);
  });
});
