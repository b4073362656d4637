import { check } from './violation.ts';

/** Replicas at the same op have the same state: a checkpoint's id is the hash of all of it. */
export class StoresEqual {
  private readonly ids: Map<number, { readonly id: bigint; readonly slot: number }>;

  constructor() {
    this.ids = new Map();
  }

  onCheckpoint(slot: number, op: number, id: bigint): void {
    const known = this.ids.get(op);
    if (known === undefined) {
      this.ids.set(op, { id, slot });
      return;
    }
    check(
      'stores_equal',
      known.id === id,
      () => `replicas ${known.slot} and ${slot} have different states at op ${op}`,
    );
  }
}
