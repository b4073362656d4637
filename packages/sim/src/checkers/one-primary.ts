import { check } from './violation.ts';

/** Two replicas never become primary of one view, at whatever times. */
export class OnePrimary {
  private readonly slots: Map<number, number>;

  constructor() {
    this.slots = new Map();
  }

  onPrimary(slot: number, view: number): void {
    const known = this.slots.get(view);
    check(
      'one_primary',
      known === undefined || known === slot,
      () => `replicas ${known} and ${slot} are primaries of view ${view}`,
    );
    check('one_primary', view % 16 === slot, () => `replica ${slot} leads view ${view}`);
    this.slots.set(view, slot);
  }
}
