import type { Mutant } from './mutant.ts';

const DENIAL = 'vsr/src/replica/members/denial.ts';
const INTRODUCE = 'vsr/src/replica/members/introduce.ts';
const PROMISE = 'vsr/src/replica/members/promise.ts';

/** A file that was formatted anew is never told so, and never notices. */
const NOT_TOLD = {
  file: INTRODUCE,
  find: `deny(r, header, 'other_incarnation');`,
  replace: 'greet(r, header);',
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
        file: DENIAL,
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
    harmless:
      'peers tell of the files as well, as soon as they are heard: what the state says is a ' +
      'second way to learn of them',
    edits: [
      { file: 'vsr/src/replica/checkpoint/restore.ts', find: '  adoptFiles(r);\n', replace: '' },
    ],
    scenario: 'recovered_and_synced',
  },
  {
    name: 'views_alone_remembered',
    bug: 'peers remember in which view a file promised last, and not what its log held',
    edits: [
      {
        file: PROMISE,
        find: '  promise.logView = view;\n  promise.op = op;',
        replace: '  promise.logView = view;',
      },
    ],
    scenario: 'old_files',
  },
  {
    name: 'promises_not_told',
    bug: 'peers remember what a file promised, and do not say so in their greeting',
    edits: [
      {
        file: INTRODUCE,
        find: 'const promise = r.promises[ping.replica] ?? noPromise();',
        replace: 'const promise = noPromise();',
      },
    ],
    scenario: 'old_files',
  },
  {
    name: 'answer_to_earlier_life_heard',
    bug: 'what a peer said of a file to an earlier life of its process is taken for what it says now',
    edits: [{ file: INTRODUCE, find: '  if (header.pingLife !== r.life) return;\n', replace: '' }],
    scenario: 'old_files',
  },
  {
    name: 'denial_forgotten_with_its_peer',
    bug: 'a denied file takes part as soon as the peer that denied it starts anew, and has forgotten',
    edits: [
      {
        file: DENIAL,
        find: '  if (known.life !== life) return false; // It has forgotten.\n',
        replace: '',
      },
    ],
    scenario: 'old_files',
  },
  {
    name: 'denied_and_heard',
    bug: 'a file that a peer denies goes on voting and acknowledging',
    edits: [
      {
        file: 'vsr/src/replica/send.ts',
        find: "return r.denials.size > 0 && header.command !== 'ping' && header.command !== 'pong';",
        replace:
          "return r.denials.size > 9 && header.command !== 'ping' && header.command !== 'pong';",
      },
      {
        file: DENIAL,
        find: 'return r.denials.size > 0;',
        replace: 'return r.denials.size > 9;',
      },
      {
        file: INTRODUCE,
        find: `    deny(r, header, 'rolled_back');\n    return;`,
        replace: `    deny(r, header, 'rolled_back');`,
      },
    ],
    scenario: 'old_files',
  },
  {
    name: 'replaced_file_still_counted',
    bug: 'a lost file that comes back commits the very op that replaces it, and what follows',
    edits: [
      {
        file: 'vsr/src/replica/members/replacement.ts',
        find: 'return ops.some((replacedAt) => replacedAt <= op && replacedAt > r.commitMin);',
        replace: 'return ops.some((replacedAt) => replacedAt > op && replacedAt < op);',
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
  {
    name: 'logs_of_two_memberships',
    bug: 'a new primary counts the log of a lost file beside those that know of the new one',
    edits: [
      {
        file: 'vsr/src/replica/view-change/one-membership.ts',
        find: 'if (outdates.every((slots) => slots === 0)) return [dvcs];',
        replace: 'if (outdates.length > 0) return [dvcs];',
      },
    ],
    scenario: 'divided_recovery',
  },
  {
    name: 'files_told_by_one',
    bug: 'what one peer says of the files of all others is believed',
    edits: [
      {
        file: 'vsr/src/replica/members/told-files.ts',
        find: 'if (isToldByAnother(r, header.replica, slot, file)) take(r, slot, file);',
        replace:
          'if (r.tick >= 0 || isToldByAnother(r, header.replica, slot, file)) take(r, slot, file);',
      },
    ],
    scenario: 'ByzantineForgedPong',
  },
  {
    name: 'files_not_told',
    bug: 'who was away when a lost file was replaced learns of it from the log alone',
    edits: [
      {
        file: 'vsr/src/replica/members/told-files.ts',
        find: 'return files.some(({ since }) => since > 0) ? encodeKnownFiles(files) : null;',
        replace: 'return files.some(({ since }) => since < 0) ? encodeKnownFiles(files) : null;',
      },
    ],
    scenario: 'recovered_and_synced',
  },
];
