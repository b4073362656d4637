import type { Mutant } from './mutant.ts';

const CLEAR_SLOTS = 'vsr/src/replica/view-change/clear-slots.ts';
const SCRUB = 'vsr/src/replica/repair/scrub.ts';
const SCRUB_READ = 'vsr/src/replica/repair/scrub-read.ts';
const BLOCK_REPAIR = 'vsr/src/replica/repair/block-repair.ts';

/** The scrubber, and the repair of blocks that rot while a replica works. */
export const SCRUB_MUTANTS: readonly Mutant[] = [
  {
    name: 'scrubber_skips_blocks',
    bug: 'the tour goes over the log and the superblock only',
    scenario: 'ScrubDetectsCorruption',
    edits: [
      {
        file: SCRUB,
        find: ': [blocks, { next: 0, end: fixed }];',
        replace: ': [{ next: 0, end: fixed }];',
      },
      {
        file: SCRUB,
        find: '[{ next: origin, end: fixed }, blocks, { next: 0, end: origin }]',
        replace: '[{ next: origin, end: fixed }, { next: 0, end: origin }]',
      },
    ],
  },
  {
    name: 'scrubber_believes_tables',
    bug: 'of the blocks only rotten metadata is a finding',
    scenario: 'ScrubDetectsCorruption',
    edits: [
      {
        file: SCRUB_READ,
        find: 'tour.take(bytes).filter((reference) => noteMissingBlock(r, reference));',
        replace:
          'tour.take(bytes).filter((reference) => r.forest.tree.metadata' +
          '.some(({ address }) => address === reference.address) && noteMissingBlock(r, reference));',
      },
    ],
  },
  {
    name: 'scrubber_never_wraps',
    bug: 'a tour ends at the end of the file, so what stands before its origin is never read',
    scenario: 'ScrubDetectsCorruption',
    edits: [
      {
        file: SCRUB,
        find: '[{ next: origin, end: fixed }, blocks, { next: 0, end: origin }]',
        replace: '[{ next: origin, end: fixed }, blocks]',
      },
      {
        file: SCRUB,
        find: 'const origin = prng.below(unitsOf(r));',
        replace: 'const origin = Math.floor(fixed / 2);',
      },
    ],
  },
  {
    name: 'scrub_finding_is_absent',
    bug: 'a body that rotted is taken for one that was never written, and may be denied',
    scenario: 'ScrubTriggersRepair',
    edits: [
      {
        file: SCRUB_READ,
        find: 'r.journal.markFaulty(entry.header.op);',
        replace: 'r.journal.dropHeader(entry.header.op);',
      },
    ],
  },
  {
    name: 'rotten_blocks_only_counted',
    bug: 'a block that rotted is reported and never asked for',
    scenario: 'ScrubDetectsCorruption',
    edits: [
      {
        file: BLOCK_REPAIR,
        find: 'r.missingBlocks.set(reference.address, reference.checksum);',
        replace: '',
      },
    ],
  },
  {
    name: 'rotten_headers_left',
    bug: 'redundant headers that rotted are not written again',
    scenario: 'ScrubDetectsCorruption',
    edits: [
      {
        file: SCRUB_READ,
        find: 'r.journal.rewriteHeaders(sector);',
        replace: '',
      },
    ],
  },
  {
    name: 'rot_of_old_ops_left',
    bug: 'the slot of an old op that rotted is neither repaired nor cleared',
    scenario: 'ScrubDetectsCorruption',
    edits: [
      {
        file: CLEAR_SLOTS,
        find: 'if (old !== null && old.header.op <= covered && isUnsound(r, old)) {',
        replace: 'if (old !== null && old.header.op > covered + walSlots && isUnsound(r, old)) {',
      },
    ],
  },
  {
    name: 'rot_of_earlier_laps_left',
    bug: 'rot in the slot of an op is cleared one lap later only, and a state transfer skips laps',
    scenario: 'ScrubTriggersRepair',
    edits: [
      {
        file: CLEAR_SLOTS,
        find: 'if (old !== null && old.header.op <= covered && isUnsound(r, old)) {',
        replace:
          'if (old?.header.op === op - walSlots && old.header.op <= covered && isUnsound(r, old)) {',
      },
    ],
  },
  {
    name: 'ops_that_never_came_left',
    bug: 'an op whose body a state transfer made needless keeps its slot from the scrubber',
    scenario: 'ScrubTriggersRepair',
    edits: [
      {
        file: CLEAR_SLOTS,
        find: '(journal.isFaulty(op) || !journal.isReadable(op)) &&',
        replace: 'journal.isFaulty(op) &&',
      },
    ],
  },
  {
    name: 'scrub_share_ignored',
    bug: 'a tour that is behind its time takes all that the disk can do',
    scenario: 'ScrubRateLimited',
    edits: [
      {
        file: SCRUB,
        find: 'if (scrub.reading !== null || scrub.bytesAllowed <= 0 || !mayScrub(r)) return false;',
        replace: 'if (scrub.reading !== null || !mayScrub(r)) return false;',
      },
    ],
  },
  {
    name: 'scrub_stays_at_the_last_block',
    bug: 'a tour that has come to the last block does not go on to what is left',
    scenario: 'ScrubCompletesTour',
    edits: [
      {
        file: SCRUB,
        find: 'else endPart(scrub.tour, part);',
        replace: "else if ('end' in part) endPart(scrub.tour, part);\n    else return;",
      },
    ],
  },
];
