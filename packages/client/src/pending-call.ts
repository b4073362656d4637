import {
  type Call,
  type CallReads,
  callReads,
  callReplyLimit,
  callSize,
  type Result,
} from '@kimberlite/kernel';
import { Pending, type PendingOptions } from './pending.ts';

/** A call of the kernel, and what it takes in a request. */
export interface WeighedCall {
  readonly call: Call;
  /** Bytes in a request's body. */
  readonly size: number;
  /** Bytes that its result may take in a reply. */
  readonly replyLimit: number;
  /** What it may make replicas look at. */
  readonly reads: CallReads;
}

/** One call of the kernel between its start and the settling of its promise. */
export type PendingCall = Pending<WeighedCall, Result>;

/** Weighs a call, which waits from now on. */
export function pendingCall(
  call: Call,
  options: Omit<PendingOptions<WeighedCall, Result>, 'asked'>,
): PendingCall {
  const asked = {
    call,
    size: callSize(call),
    replyLimit: callReplyLimit(call),
    reads: callReads(call),
  };
  return new Pending({ ...options, asked });
}
