/**
 * Things in the order in which they were added, from which any may be removed at once, and whose
 * oldest is found in constant time on average. (A `Set` alone has the order, but looking for its
 * first entry passes all that was removed before it: 100,000 took 3 s to drain.)
 */
export class OldestFirst<T> {
  private readonly items: Set<T>;
  /** Goes on behind `oldest`; it sees what is added and removed meanwhile. */
  private order: SetIterator<T>;
  /** The first that was not removed when it was last looked for; null for none. */
  private oldest: T | null;

  constructor() {
    this.items = new Set();
    this.order = this.items.values();
    this.oldest = null;
  }

  get size(): number {
    return this.items.size;
  }

  add(item: T): void {
    this.items.add(item);
  }

  delete(item: T): void {
    this.items.delete(item);
  }

  /** Null when there is nothing. */
  first(): T | null {
    while (this.oldest === null || !this.items.has(this.oldest)) {
      const { done, value } = this.order.next();
      this.oldest = done === true ? null : value;
      if (done !== true) continue;
      // At its end it stays there for good.
      this.order = this.items.values();
      if (this.items.size === 0) return null;
    }
    return this.oldest;
  }

  /** Visits each; the visitor may remove it. */
  forEach(visit: (item: T) => void): void {
    this.items.forEach((item) => visit(item));
  }
}
