import type { Command, DropReason } from '@kimberlite/vsr';

/** What a liar does to a message. All but `corrupt_checksum` and `tamper_body` seal it again. */
export type Mutation =
  /** The commit number, so much higher. */
  | { readonly kind: 'inflate_commit'; readonly by: number }
  /** Everything up to the head is said to be committed (a prepare: all below itself). */
  | { readonly kind: 'commit_everything' }
  /** Only the newest headers of the log are left. */
  | { readonly kind: 'truncate_tail'; readonly left: number }
  /** The head of the log is another prepare of the same number. */
  | { readonly kind: 'conflicting_tail' }
  /** The op number, so much higher, over the same contents. */
  | { readonly kind: 'shift_op'; readonly by: number }
  /** The op number, so much lower, but not below zero. */
  | { readonly kind: 'lower_op'; readonly by: number }
  /** Those at an odd distance are sent another prepare. */
  | { readonly kind: 'fork' }
  /** Every destination is sent a prepare of its own. */
  | { readonly kind: 'fork_each' }
  | { readonly kind: 'lower_view'; readonly by: number }
  /** A bit of the header's checksum is wrong. */
  | { readonly kind: 'corrupt_checksum' }
  | { readonly kind: 'duplicate'; readonly times: number }
  /** A do_view_change claims to be of the newest log view there can be. */
  | { readonly kind: 'raise_log_view' }
  /** A do_view_change claims every body, and denies nothing. */
  | { readonly kind: 'claim_present' }
  /** A do_view_change denies every op. */
  | { readonly kind: 'deny_all' }
  /** The log has as many headers as a message can hold. */
  | { readonly kind: 'oversized_tail' }
  /** The body of a prepare holds requests that no state machine takes. */
  | { readonly kind: 'invalid_request' }
  /** A request for headers in which the first op lies above the last, beside the message. */
  | { readonly kind: 'invalid_range' }
  /** A prepare never reaches the liar, who acknowledges it all the same. */
  | { readonly kind: 'false_ack' }
  /** A question whether a view stands never reaches the liar, who has left it and confirms it. */
  | { readonly kind: 'false_confirmation' }
  /** Beside the message, one of any command of the codec, with any values in its fields. */
  | { readonly kind: 'unasked' }
  /** The id of the author's checkpoint is another one. */
  | { readonly kind: 'other_checkpoint' }
  /** A pong claims that other files have taken the place of the one that asked, and of all. */
  | { readonly kind: 'deny_file' }
  /** One field has any value. */
  | { readonly kind: 'random_field' }
  /** In one's own name, and once more in that of the next replica. */
  | { readonly kind: 'two_names' }
  | { readonly kind: 'other_cluster' }
  /** A byte of the body is wrong, under the checksum of the right one. */
  | { readonly kind: 'tamper_body' }
  /** One after the other. */
  | { readonly kind: 'composite'; readonly mutations: readonly Mutation[] };

/** The operation of requests that a liar makes up: no state machine knows it. */
export const OPERATION_UNKNOWN = 0xfffe;

/** Which messages are mutated, and how. The first rule that fits decides. */
export interface MutationRule {
  readonly command: Command | 'any';
  /** Null for anybody. */
  readonly from: number | null;
  /** Null for everybody. */
  readonly to: readonly number[] | null;
  readonly probability: number;
  readonly mutation: Mutation;
  /** False: neither the message nor what was made of it arrives. */
  readonly deliver: boolean;
}

/** What an attack may come to. */
export type Expectation =
  /** The honest replicas keep every promise, and none of them stops. */
  | 'promises_kept'
  /**
   * The same, but that a query may be answered from before what its level owes: from an op that was
   * committed all the same, and none that its client has seen past.
   */
  | 'stale_answers'
  /** VSR believes this lie: an honest replica may find that logs diverged, and then stops. */
  | 'divergence_found'
  /**
   * The same, or the lie keeps every later view from beginning: logs contradict each other, or one
   * names a commit that no log has. Whoever went on might give up what somebody committed.
   */
  | 'stands_still'
  /** The liar itself is told apart, and stops; the others keep on. */
  | 'liar_stops';

/** The lies of a run. */
export interface ByzantineOptions {
  /** The replica whose messages are mutated, or that is lied about. */
  readonly liar: number;
  readonly rules: readonly MutationRule[];
  readonly expects: Expectation;
  /** The slot in whose name the lies come; the liar's own when left out. */
  readonly signs?: number;
  /** Reasons for which honest replicas drop the lies; none where they cannot tell. */
  readonly rejections: readonly DropReason[];
  /** From this op on the liar's own state is a wrong one; absent: it is right. */
  readonly strayOp?: number;
}
