import { bytesText, OPERATION_USER_MIN, REPLY_BODY_MAX } from '@kimberlite/vsr';
import type { WorkloadRequest } from './workload.ts';

const OPERATION_MAX = 0xffff;

/**
 * Refusals in a row, of all clients, after which a workload is taken to draw nothing but what
 * `validate` refuses. A run asks some hundreds of requests: a state machine that accepts one
 * request in a hundred gets there once in 10^87 times, and one in a thousand once in 10^8.
 */
export const REFUSALS_MAX = 20_000;

/** What is wrong with a workload itself: neither the core nor its state machine did anything. */
export class WorkloadFault extends Error {
  override readonly name = 'WorkloadFault';
}

/** The request that a workload drew, if it is one that clients may send. */
export function drawnRequest(who: string, request: WorkloadRequest): WorkloadRequest {
  const { operation, body } = request;
  const known = operation >= OPERATION_USER_MIN && operation <= OPERATION_MAX;
  if (!Number.isInteger(operation) || !known) {
    throw new WorkloadFault(
      `${who} drew operation ${operation}; ` +
        `operations are ${OPERATION_USER_MIN} to ${OPERATION_MAX}`,
    );
  }
  if (!(body instanceof Uint8Array)) {
    throw new WorkloadFault(`${who} drew a body that is no Uint8Array`);
  }
  return request;
}

/** Counts refusals of requests as invalid, until one is answered. */
export class RefusalStreak {
  private refusals: number;

  constructor() {
    this.refusals = 0;
  }

  end(): void {
    this.refusals = 0;
  }

  add({ operation, body }: WorkloadRequest): void {
    this.refusals += 1;
    if (this.refusals < REFUSALS_MAX) return;
    throw new WorkloadFault(
      `validate refused ${REFUSALS_MAX} requests in a row, none was accepted (or their bodies ` +
        `are larger than a message, or their replyLimit is above ${REPLY_BODY_MAX}); ` +
        `the last one was operation ${operation}, body ${bytesText(body)}`,
    );
  }
}
