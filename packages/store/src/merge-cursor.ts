import { compareBytes } from './bytes.ts';
import type { Layer } from './layer.ts';
import type { OrderCursor } from './order-index.ts';
import { type Combine, deltaListFold, RecordKind } from './record.ts';
import { assert, present } from './std/assert.ts';

/**
 * Walks several layers as one, in the order of keys, and works out what each key has: the newest
 * record decides, deltas are folded into what older layers say. The layers must not change
 * meanwhile.
 */
export class MergeCursor {
  private readonly layers: readonly Layer[];
  private readonly cursors: readonly OrderCursor[];
  private readonly keys: (Uint8Array | null)[];
  private readonly combine: Combine | null;
  private keyNow: Uint8Array | null = null;

  /** Layers are given newest first; `from` is included, null is the first key of all. */
  constructor(layers: readonly Layer[], combine: Combine | null, from: Uint8Array | null) {
    this.layers = layers;
    this.combine = combine;
    this.cursors = layers.map((layer) => layer.seek(from));
    this.keys = this.cursors.map((cursor, at) => keyAt(present(layers[at]), cursor));
    this.choose();
  }

  /** The key the cursor is at; null at the end. A view, never to be changed. */
  get key(): Uint8Array | null {
    return this.keyNow;
  }

  /** The value that the key has; null when it is deleted. A view, never to be changed. */
  value(): Uint8Array | null {
    assert(this.keyNow !== null, 'a cursor at its end has no value');
    return this.resolve(0);
  }

  advance(): void {
    const reached = this.keyNow;
    assert(reached !== null, 'a cursor at its end stays there');
    for (let at = 0; at < this.layers.length; at += 1) {
      const key = this.keys[at] ?? null;
      if (key === null || (key !== reached && compareBytes(key, reached) !== 0)) continue;
      const layer = present(this.layers[at]);
      const cursor = present(this.cursors[at]);
      layer.advance(cursor);
      this.keys[at] = keyAt(layer, cursor);
    }
    this.choose();
  }

  private choose(): void {
    let least: Uint8Array | null = null;
    for (const key of this.keys) {
      if (key !== null && (least === null || compareBytes(key, least) < 0)) least = key;
    }
    this.keyNow = least;
  }

  private resolve(newest: number): Uint8Array | null {
    const reached = this.keyNow;
    for (let at = newest; at < this.layers.length; at += 1) {
      const key = this.keys[at] ?? null;
      if (key === null || reached === null) continue;
      if (key !== reached && compareBytes(key, reached) !== 0) continue;
      const { heap } = present(this.layers[at]);
      const { slot } = present(this.cursors[at]);
      const kind = heap.kind(slot);
      if (kind === RecordKind.tombstone) return null;
      if (kind === RecordKind.put) return heap.value(slot);
      return deltaListFold(this.resolve(at + 1), heap.value(slot), present(this.combine));
    }
    return null;
  }
}

function keyAt(layer: Layer, cursor: OrderCursor): Uint8Array | null {
  return cursor.slot < 0 ? null : layer.heap.key(cursor.slot);
}
