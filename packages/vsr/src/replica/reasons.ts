/**
 * Why a message was dropped, and what that tells an operator. Labels of a metric, so a name never
 * changes its meaning; docs/metrics.md has the table.
 */
export const DROP_REASONS = {
  bad_client: 'a request or read without a client, or with a replica for an author',
  behind_checkpoint: 'a start_view that lags behind the checkpoint of this replica',
  chain_break: 'a prepare that does not follow the head of the log here',
  client_busy: 'a second request of a client whose first is still under way',
  gap: 'a prepare too far above the head to be kept until the ones between have come',
  invalid_metadata: 'numbers that contradict each other: a bug, or a peer that lies',
  invalid_repair_range: 'a question for headers whose range ends before it begins: as above',
  journal_full: 'a prepare for which the disk has too many writes waiting; it is repaired later',
  known_view: 'a start_view of the running view, which has nothing new to say',
  log_conflict: 'the logs that two replicas show to a new primary cannot both be true',
  member_alive: 'a file wants the place of a member that was heard recently',
  not_fresh: 'an answer to a question that is no longer asked',
  not_from_primary: 'a prepare or start_view of a replica that is not the primary of its view',
  not_greeted: 'a peer whose greeting has not come yet since one of the two was started',
  not_introduced: 'a peer whose data file is not durably noted here yet',
  not_wanted: 'a prepare that came by repair, twice or for an op that is not wanted',
  other_incarnation: 'a peer with another data file than the one that belongs there',
  request_out_of_order:
    'a request whose number is not the next of its session, or a register from within one',
  session_ahead: 'a request of a session that this replica has not executed yet',
  stale_ping: 'a pong for a ping of the process that ran here before',
  stale_view: 'a message of a view that is over, or for a role that this replica does not have',
  syncing: 'a start_view while the checkpoint of a peer is being taken over',
  unexpected_command: 'a command that nobody sends to a replica',
  unknown_author: 'a message that claims to come from this replica, or from none of the voters',
  window: 'a prepare beyond the ring of the log: a newer checkpoint has to be durable first',
  wrong_checkpoint: "a peer's state after a checkpoint is another: one of the two has diverged",
  wrong_checksum: 'an acknowledgement of another prepare than the one that was sent',
  wrong_cluster: 'a message of another cluster',
} as const;
/** One of `DROP_REASONS`. */
export type DropReason = keyof typeof DROP_REASONS;

/** Why a replica votes to leave its view; as above. */
export const VOTE_REASONS = {
  primary_silent: 'backup: nothing was heard of the primary for the silence timeout',
  primary_voted: 'the primary itself votes to leave: there is nothing to wait for',
  view_change_stuck: 'the new view did not begin in time',
  behind_checkpoint: 'new primary: its ring cannot hold the chosen log; another must lead',
  lacks_committed: 'new primary: a quorum has lost an op that was said to have committed',
  restarted_primary: 'it was primary when its process ended, and cannot lead on in that view',
  unheard: 'primary: too few backups are heard for a replication quorum',
  no_new_ack: 'primary: prepares wait and no new acknowledgement comes',
  disk_stall: 'primary: its disk has not done anything for too long',
  slow_disk: 'primary: its disk holds up requests that those of enough others would not',
  loop_stall: 'primary: its process stood still; the others may have gone on without it',
  repair_stuck: 'primary: what it must execute next cannot be had from its disk or a peer',
  clock_lost: 'primary: its clock agrees with too few others, and the next primary has agreement',
} as const;
/** One of `VOTE_REASONS`. */
export type VoteReason = keyof typeof VOTE_REASONS;
