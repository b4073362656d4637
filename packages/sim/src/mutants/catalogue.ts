import { ACK_MUTANTS } from './ack-mutants.ts';
import { BYGONE_MUTANTS } from './bygone-mutants.ts';
import { CHECKPOINT_MUTANTS } from './checkpoint-mutants.ts';
import { EXECUTION_MUTANTS } from './execution-mutants.ts';
import { GUARD_MUTANTS } from './guard-mutants.ts';
import { INTRODUCTION_MUTANTS } from './introduction-mutants.ts';
import { JOURNAL_MUTANTS } from './journal-mutants.ts';
import { LIVENESS_MUTANTS } from './liveness-mutants.ts';
import { LOG_CHOICE_MUTANTS } from './log-choice-mutants.ts';
import type { Mutant } from './mutant.ts';
import { READ_MUTANTS } from './read-mutants.ts';
import { REVISION_MUTANTS } from './revision-mutants.ts';
import { SCRUB_MUTANTS } from './scrub-mutants.ts';
import { SESSION_MUTANTS } from './session-mutants.ts';
import { SUPERBLOCK_MUTANTS } from './superblock-mutants.ts';
import { VIEW_CHANGE_MUTANTS } from './view-change-mutants.ts';

/**
 * The planted bugs, in parts by what they break (docs/vopr.md has the table of what catches them).
 * Each must be caught; a test keeps their texts fitting the sources.
 */
export const MUTANTS: readonly Mutant[] = [
  ...ACK_MUTANTS,
  ...VIEW_CHANGE_MUTANTS,
  ...LOG_CHOICE_MUTANTS,
  ...JOURNAL_MUTANTS,
  ...SUPERBLOCK_MUTANTS,
  ...CHECKPOINT_MUTANTS,
  ...EXECUTION_MUTANTS,
  ...REVISION_MUTANTS,
  ...SCRUB_MUTANTS,
  ...SESSION_MUTANTS,
  ...INTRODUCTION_MUTANTS,
  ...GUARD_MUTANTS,
  ...LIVENESS_MUTANTS,
  ...READ_MUTANTS,
  ...BYGONE_MUTANTS,
];
