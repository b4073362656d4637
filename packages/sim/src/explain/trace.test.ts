import { describe, expect, it } from 'vitest';
import { FAULT_KINDS } from '../faults/fault-gate.ts';
import { runSeed } from '../run/run-seed.ts';
import { scenarioOptions } from '../scenarios/registry.ts';
import { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { Timeline } from './timeline.ts';
import { faultText } from './trace-line.ts';

describe('a trace', () => {
  it('tells in each line when, who, what it is, its numbers and what happened', () => {
    const lines: string[] = [];
    const script = new ScriptedCluster({ replicaCount: 3, log: (line) => lines.push(line) });
    script.add(1, 7);
    script.crash(2);
    script.runUntil(() => script.primary() !== null);
    const numbers = 'view 1/1 op \\d+ commit \\d+/\\d+ cp 0';
    const found = (pattern: string): boolean =>
      lines.some((line) => new RegExp(pattern).test(line));
    expect(found(`^ +\\d+ #\\d+ +0 backup +${numbers} +1 > 0 {2}prepare view 1 checksum`)).toBe(
      true,
    );
    expect(found(`^ +\\d+ #\\d+ +1 primary +${numbers} +0 > 1 {2}prepare_ok view 1 `)).toBe(true);
    expect(found(`^ +\\d+ #\\d+ +1 primary +${numbers} +committed op 1 `)).toBe(true);
    expect(found('2 backup .* CRASH')).toBe(true);
    expect(found('2 down .*START')).toBe(true);
    for (const line of lines) expect(line).toMatch(/^ *\d+ #\d+ +([0-5] [a-z_]+|-) /);
  });

  it('names every kind of fault and its place', () => {
    for (const kind of FAULT_KINDS) {
      const fault = { kind, ordinal: 3, removed: false, place: 1, otherPlace: 2 };
      expect(faultText(fault)).toMatch(new RegExp(`^(FAULT )?${kind} 3: `));
      expect(faultText({ ...fault, removed: true })).toMatch(/^WITHOUT /);
    }
    const place = { removed: false, ordinal: 0, place: 5, otherPlace: 2 };
    expect(faultText({ kind: 'partition', ...place })).toBe('FAULT partition 0: 0, 2 | 1');
  });
});

describe('a trace of lies', () => {
  const linesOf = (scenario: string): readonly string[] => {
    const lines: string[] = [];
    const drawn = scenarioOptions(scenario, 1n);
    if (drawn === null) throw new Error('there is such a scenario');
    const simulation = { ...drawn, safetyTicksMax: 200, livenessTicksMax: 100, witnesses: [] };
    runSeed({ seed: 1n, simulation, log: (line) => lines.push(line) });
    return lines;
  };

  it('marks those that arrive, with their kind, and nothing else', () => {
    const lies = linesOf('ByzantineForeignCluster').filter((line) => line.includes(' LIE '));
    expect(lies.length).toBeGreaterThan(10);
    for (const line of lies) expect(line).toMatch(/ \d > \d {2}LIE other_cluster {2}[a-z_]+ view /);
    expect(linesOf('baseline').some((line) => line.includes(' LIE '))).toBe(false);
  });

  it('shows what arrives and is no message', () => {
    const lies = linesOf('ByzantineCorruptChecksums').filter((line) => line.includes(' LIE '));
    expect(lies.length).toBeGreaterThan(0);
    for (const line of lies) {
      expect(line).toMatch(/ LIE corrupt_checksum {2}[a-z_]+ is no message: header_checksum$/);
    }
  });

  it('says of a replica that stops why it does', () => {
    const stops = linesOf('stray_state').filter((line) => line.includes(' STOPPED '));
    expect(stops).toHaveLength(1);
    expect(stops[0]).toMatch(/^ *\d+ #\d+ +\d [a-z_]+ +view .* STOPPED diverged$/);
  });
});

describe('a timeline', () => {
  it('shows little of a quiet end, and in its last column who is stuck', () => {
    const timeline = new Timeline(2);
    const seen = { slot: 0, role: 'backup', state: null } as const;
    const start = { kind: 'process', what: 'start' } as const;
    timeline.observe({ ...seen, event: 1, micros: 1_000_000, what: start });
    const stuck = {
      kind: 'stuck',
      outside: null,
      lacks: ['is in view_change'],
      waits: [],
    } as const;
    timeline.observe({ ...seen, event: 9, micros: 100_000_000, what: stuck });
    const sound = { ...stuck, lacks: [] };
    timeline.observe({ ...seen, slot: 1, event: 9, micros: 100_000_000, what: sound });
    const rows = timeline.text({ width: 10, moments: 5 }).split('\n');
    expect(rows.slice(1, 5).map((row) => row.slice(11))).toEqual([
      '.......bbb',
      '       ^ !',
      '..........',
      '',
    ]);
    expect(rows).toContain('from 1.25 to 100.00 s nothing more is to be marked');
    expect(rows.at(-1)).toMatch(/10000 #9 +0 {2}STUCK is in view_change$/);
  });

  it('has a lane for each replica, with what it was and what happened to it', () => {
    const timeline = new Timeline(3);
    const script = new ScriptedCluster({
      replicaCount: 3,
      observer: (seen) => timeline.observe(seen),
    });
    script.runUntil(() => script.cluster.clients.every((client) => client.registered));
    script.run(20);
    const old = script.primary() ?? 0;
    script.crash(old);
    script.runUntil(() => script.primary() !== null);
    const next = script.primary() ?? 0;
    script.add(1, 7);
    script.cluster.start(old);
    script.run(50);
    const other = 3 - old - next;
    timeline.fail({ slot: other, event: 9, text: 'liveness: nothing' });
    const text = timeline.text({ width: 80, moments: 5 });
    const rows = text.split('\n');
    const lane = (name: string): string => rows.find((row) => row.startsWith(name)) ?? '';
    const marks = (slot: number): string => rows[rows.indexOf(lane(`replica ${slot}`)) + 1] ?? '';
    expect(lane(`replica ${old}`)).toMatch(/P+\.+[rv]*b+$/);
    expect(lane(`replica ${next}`)).toMatch(/b+v*P+$/);
    expect(marks(old)).toMatch(/[\^\d].*X +\^/);
    expect(marks(next)).toMatch(/[1-9]/);
    expect(marks(other)).toMatch(/!$/);
    expect(lane('commits')).toMatch(/@/);
    expect(text).toMatch(/earlier moments are not shown/);
    expect(rows.at(-1)).toMatch(/liveness: nothing/);
    for (const row of rows.slice(0, 9)) expect(row.length).toBeLessThanOrEqual(92);
  });
});
