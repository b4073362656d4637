import { type ClientId, OPERATION_USER_MIN } from '@kimberlite/vsr';
import type { HistoryOperation } from '../linearizability/history.ts';
import type { HistoryJudge, WorkloadRequest } from '../workload/workload.ts';
import { check } from './violation.ts';

interface Open {
  readonly request: WorkloadRequest;
  readonly start: number;
}

/**
 * Linearizability a second time (Herlihy and Wing), from nothing but what clients saw: no log, no
 * op numbers, no word of any replica. An order is searched that fits all answers; what got none
 * may stand anywhere after its start, or nowhere. `replies` knows the order and judges every run;
 * this one would notice if that knowledge itself were wrong.
 */
export class SecondJudge {
  private readonly judge: HistoryJudge;
  private readonly open: Map<ClientId, Open>;
  private readonly seen: HistoryOperation<WorkloadRequest, Uint8Array>[];
  private readonly names: Map<ClientId, number>;
  private clock: number;

  constructor(judge: HistoryJudge) {
    this.judge = judge;
    this.open = new Map();
    this.seen = [];
    this.names = new Map();
    this.clock = 0;
  }

  onInvoked(client: ClientId, request: WorkloadRequest): void {
    // What belongs to the core touches no state of the state machine, and is answered with nothing.
    if (request.operation < OPERATION_USER_MIN) return;
    if (!this.names.has(client)) this.names.set(client, this.names.size);
    this.open.set(client, { request, start: this.tick() });
  }

  onReplied(client: ClientId, output: Uint8Array): void {
    this.close(client, output.slice());
  }

  /** Nobody knows what became of it. */
  onIndefinite(client: ClientId): void {
    this.close(client, null);
  }

  /** It did not happen, so it is no part of the history. */
  onRefusedDefinitely(client: ClientId): void {
    this.open.delete(client);
  }

  /**
   * The run is over: looks for an order. False when the search was given up before it knew: such a
   * run counts as undecided, and shows nothing of what this judge looks at.
   */
  onEnd(): boolean {
    for (const client of [...this.open.keys()]) this.close(client, null);
    const verdict = this.judge(this.seen);
    check(
      'linearizable',
      verdict.kind !== 'not_linearizable',
      () => `no order of ${this.seen.length} requests explains what clients were answered`,
    );
    return verdict.kind === 'linearizable';
  }

  private close(client: ClientId, output: Uint8Array | null): void {
    const open = this.open.get(client);
    if (open === undefined) return;
    this.open.delete(client);
    const end = output === null ? null : this.tick();
    const { request: input, start } = open;
    this.seen.push({ client: this.names.get(client) ?? 0, input, output, start, end });
  }

  private tick(): number {
    this.clock += 1;
    return this.clock;
  }
}
