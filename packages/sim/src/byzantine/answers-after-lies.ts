import { type ClientId, readBatch } from '@kimberlite/vsr';

/** An answer that a client was given. */
export interface Answer {
  readonly client: ClientId;
  /** The op and the request that it says it answers. */
  readonly op: number;
  readonly requestChecksum: bigint;
}

/**
 * Answers that clients were given after a lie was believed. Nothing is promised of them any more,
 * so none fails a run; but how many contradict what honest replicas hold is worth knowing.
 */
export class AnswersAfterLies {
  private readonly answers: Answer[];
  /** By slot of an honest replica, by op: the requests that it committed there. */
  private readonly requests: Map<number, Map<number, ReadonlySet<string>>>;

  constructor() {
    this.answers = [];
    this.requests = new Map();
  }

  /** A client was answered, and a lie had been believed. */
  onReplied(answer: Answer): void {
    this.answers.push(answer);
  }

  /** An honest replica committed these requests. */
  onCommitted(
    slot: number,
    { op, body, count }: { readonly op: number; readonly body: Uint8Array; readonly count: number },
  ): void {
    const batch = readBatch(body, count) ?? [];
    const own = this.requests.get(slot) ?? new Map<number, ReadonlySet<string>>();
    own.set(op, new Set(batch.map(keyOf)));
    this.requests.set(slot, own);
  }

  /** Answers for an op at which an honest replica has committed something else. */
  get wrong(): number {
    const held = [...this.requests.values()];
    return this.answers.filter((answer) => {
      const key = keyOf(answer);
      return held.some((ops) => ops.get(answer.op)?.has(key) === false);
    }).length;
  }
}

function keyOf({ client, requestChecksum }: Omit<Answer, 'op'>): string {
  return `${client} ${requestChecksum}`;
}
