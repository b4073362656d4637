import { describe, expect, it } from 'vitest';
import { compareTraces, type Traces } from './traces.ts';

const ALL = ['swarm 1 ok abc', 'swarm 2 ok def'];
const MISSING = 'npm could not bring it';

function under(wanted: string, version: string | null, found: Traces['found']): Traces {
  return { wanted, version, found };
}

const three = [
  under('22', 'v22.1.0', ALL),
  under('24', 'v24.2.0', ALL),
  under('26', 'v26.3.0', ALL),
];

describe('traces under several versions of Node', () => {
  it('are equal where every line is', () => {
    const { failed, lines } = compareTraces(three, { allNeeded: true });
    expect(failed).toBe(false);
    expect(lines).toEqual([
      ...['Node v22.1.0: 2 runs', 'Node v24.2.0: 2 runs', 'Node v26.3.0: 2 runs'],
      'All traces are equal.',
    ]);
  });

  it('differ by a hash, or by a run that is missing', () => {
    const other = under('26', 'v26.3.0', ['swarm 1 ok abc', 'swarm 2 ok fed']);
    const { failed, lines } = compareTraces([...three.slice(0, 2), other], { allNeeded: true });
    expect(failed).toBe(true);
    expect(lines).toContain('v26.3.0 differs from v22.1.0: swarm 2 ok fed, not swarm 2 ok def');
    const short = under('26', 'v26.3.0', ALL.slice(0, 1));
    expect(compareTraces([...three.slice(0, 2), short], { allNeeded: true }).failed).toBe(true);
  });

  it('are not those of a version that was not asked for', () => {
    const wrong = under('26', 'v24.2.0', ALL);
    const { failed, lines } = compareTraces([...three.slice(0, 2), wrong], { allNeeded: false });
    expect(failed).toBe(true);
    expect(lines).toContain('Node 26: the binary is v24.2.0');
    expect(lines).not.toContain('All traces are equal.');
  });

  it('may lack a version on the desk, and not where all must be there', () => {
    const seen = [...three.slice(0, 2), under('26', null, MISSING)];
    expect(compareTraces(seen, { allNeeded: false }).failed).toBe(false);
    const { failed, lines } = compareTraces(seen, { allNeeded: true });
    expect(failed).toBe(true);
    expect(lines).toContain(`Node 26: missing: ${MISSING}`);
    const alone = [...three.slice(0, 1), under('24', null, MISSING), under('26', null, MISSING)];
    expect(compareTraces(alone, { allNeeded: false }).failed).toBe(true);
  });

  it('fail with a version that cannot run them', () => {
    for (const found of ['it ended with exit code 9', []]) {
      const seen = [...three.slice(0, 2), under('26', 'v26.3.0', found)];
      expect(compareTraces(seen, { allNeeded: false }).failed).toBe(true);
    }
  });
});
