import type { Mutant } from './mutant.ts';

const INTRODUCE = 'vsr/src/replica/members/introduce.ts';

/** A file that was formatted anew is never told so, and never notices. */
const NOT_TOLD = {
  file: INTRODUCE,
  find: `deny(r, header, 'other_incarnation');`,
  replace: 'greet(r, header.replica);',
};
/** It takes part at once. */
const NOT_INTRODUCED = {
  file: INTRODUCE,
  find: 'return isKnownByEnough(introductions, { self: r.slot, voters: r.voters, replication });',
  replace: 'return introductions.files.length > 0;',
};

/** Planted bugs in how replicas get to know each other's data files. */
export const INTRODUCTION_MUTANTS: readonly Mutant[] = [
  {
    name: 'stranger_counted',
    bug: 'a file that was formatted in the place of a lost one votes and acknowledges',
    edits: [
      NOT_TOLD,
      NOT_INTRODUCED,
      {
        file: INTRODUCE,
        find: `if (known !== incarnation) return 'other_incarnation';`,
        replace: '',
      },
    ],
    scenario: 'lost_disk',
  },
  {
    name: 'one_peer_ends_a_replica',
    bug: 'a replica ends when one peer denies its data file',
    edits: [
      {
        file: INTRODUCE,
        find: 'const enough = r.replicaCount === 2 ? 1 : 2;',
        replace: 'const enough = 1;',
      },
    ],
    scenario: 'ByzantineForgedPong',
  },
  {
    name: 'recovered_words_kept',
    bug: 'what the lost file promised is held against the one that took its place',
    edits: [
      {
        file: 'vsr/src/replica/members/recover-op.ts',
        find: '    r.promises[slot] = noPromise();\n',
        replace: '',
      },
    ],
    scenario: 'lost_disk',
  },
  {
    name: 'recovery_not_loaded',
    bug: 'a replica that fetched a checkpoint does not learn of the files that it names',
    edits: [
      { file: 'vsr/src/replica/checkpoint/restore.ts', find: '  adoptFiles(r);\n', replace: '' },
    ],
    scenario: 'recovered_and_synced',
  },
  {
    name: 'replaced_file_still_counted',
    bug: 'a lost file that comes back commits the very op that replaces it, and what follows',
    edits: [
      {
        file: 'vsr/src/replica/members/replacement.ts',
        find: 'return replacedAt !== undefined && replacedAt <= op && replacedAt > r.commitMin;',
        replace: 'return replacedAt !== undefined && replacedAt < 0;',
      },
    ],
    scenario: 'divided_recovery',
  },
  {
    name: 'recovered_file_counts_at_once',
    bug: 'a new file takes part before the others know that it took the place of a lost one',
    edits: [
      {
        file: 'vsr/src/superblock/introductions.ts',
        find: 'return known >= (recovered ? Math.min(replication, all) : all);',
        replace: 'return known >= (recovered && replication > 0 ? 0 : all);',
      },
    ],
    scenario: 'divided_recovery',
  },
];
