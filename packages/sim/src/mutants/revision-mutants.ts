import type { Mutant } from './mutant.ts';

const FOREST = 'store/src/levels/forest.ts';
const CHECKPOINT_JOB = 'store/src/levels/checkpoint-job.ts';
const scenario = 'older_revisions';

/** Older revisions: what may be forgotten, when, and by whose clock. */
export const REVISION_MUTANTS: readonly Mutant[] = [
  {
    name: 'compaction_by_the_present_watermark',
    bug: 'merges leave out what has expired by now, not what had when the checkpoint froze',
    scenario,
    edits: [
      {
        file: FOREST,
        find: '    const state = { tables: frozen, horizon: this.horizonNow };\n',
        replace:
          '    const now = (): number => this.horizonNow;\n' +
          '    const state = { tables: frozen, get horizon(): number { return now(); } };\n',
      },
      {
        file: CHECKPOINT_JOB,
        find: '  private *run({ tables, horizon }: FrozenState): Generator<Pause, Tree> {\n',
        replace:
          '  private *run(state: FrozenState): Generator<Pause, Tree> {\n' +
          '    const { tables, horizon } = state;\n',
      },
      {
        file: CHECKPOINT_JOB,
        find: 'this.together(look),\n      horizon,\n',
        replace: 'this.together(look),\n      get horizon() { return state.horizon; },\n',
      },
    ],
  },
  {
    name: 'readable_version_dropped',
    bug: 'merges leave out records that end a little above the watermark too',
    scenario,
    edits: [
      {
        file: 'store/src/levels/merge-step.ts',
        find: 'rule.expiry(key, part) > rule.horizon;',
        replace: 'rule.expiry(key, part) > rule.horizon + 2;',
      },
    ],
  },
  {
    name: 'watermark_forgotten_at_restart',
    bug: 'a restored replica begins with no horizon and sees what has expired',
    scenario,
    edits: [
      {
        file: FOREST,
        find: 'if (options.drop) this.horizonNow = tree.horizon;',
        replace: 'if (options.drop) this.horizonNow = 0;',
      },
    ],
  },
  {
    name: 'expired_rows_seen_until_merged',
    bug: 'readers see expired records as long as they lie in a run',
    scenario: 'late_checkpoints',
    edits: [
      {
        file: 'store/src/levels/leveled-table.ts',
        find: 'return expiry(key, value) > this.horizon ? value : null;',
        replace: 'return expiry(key, value) >= 0 ? value : null;',
      },
    ],
  },
  {
    name: 'watermark_goes_back',
    bug: 'a compact sets the watermark to whatever it says',
    scenario,
    edits: [
      {
        file: 'kernel/src/execute-revision.ts',
        find: "  if (revision <= before) return { kind: 'compact', watermark: before };\n",
        replace: "  if (revision === before) return { kind: 'compact', watermark: before };\n",
      },
    ],
  },
];
