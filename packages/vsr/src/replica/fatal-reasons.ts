/**
 * Why a replica gives up, in words that begin with what is wrong of it: the process must end, and
 * the server does so with a fault of its own.
 */
export const FATAL_REASONS = {
  superblock_not_found: 'no copy of its superblock can be read',
  superblock_quorum_lost: 'too few copies of its superblock are right',
  superblock_fork: 'two superblocks of one number differ',
  superblock_parent_not_connected: 'a superblock does not name the one before it',
  superblock_parent_skipped: 'a superblock names one that is missing',
  superblock_not_monotonic: 'a newer superblock promises less than an older one',
  wrong_identity: 'its file is that of another replica',
  wrong_machine: 'its file is one of another state machine',
  other_incarnation: 'its peers take another file for that of the member',
  rolled_back: 'its peers remember a promise that its file does not hold',
  wal_corrupt: 'its log holds what no crash leaves behind, and there is no peer to ask',
  checkpoint_corrupt: 'a block of its checkpoint is bad, and there is no peer to ask',
  diverged: 'what it has committed, or its state, is not that of its peers',
} as const;

/** Why a replica gives up. */
export type FatalReason = keyof typeof FATAL_REASONS;
