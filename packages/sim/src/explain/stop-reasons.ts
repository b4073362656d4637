import type { FatalReason } from '@kimberlite/vsr';

/** Why a replica ends itself for good, in words. */
const STOP_REASONS: Readonly<Record<FatalReason, string>> = {
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
  wal_corrupt: 'its log holds what no crash leaves behind',
  checkpoint_corrupt: 'a block of its checkpoint is bad, and there is no peer to ask',
  diverged: 'what it has committed, or its state, is not that of its peers',
};

/** The reason with its meaning. */
export function stopReasonText(reason: string): string {
  const meaning = Object.entries(STOP_REASONS).find(([name]) => name === reason)?.[1];
  return meaning === undefined ? reason : `${reason} (${meaning})`;
}
