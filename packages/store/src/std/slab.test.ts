import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Slab } from './slab.ts';

describe('Slab', () => {
  it('hands out zeroed pieces of the size asked for, none of which touches another', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 100 }), { maxLength: 200 }), (sizes) => {
        const slab = new Slab(256);
        const pieces = sizes.map((size, index) => {
          const piece = slab.take(size);
          expect(piece.length).toBe(size);
          expect(piece.every((byte) => byte === 0)).toBe(true);
          return piece.fill((index % 255) + 1);
        });
        pieces.forEach((piece, index) => {
          expect(piece.every((byte) => byte === (index % 255) + 1)).toBe(true);
        });
      }),
    );
  });

  it('shares memory among small pieces and gives a large one its own', () => {
    const slab = new Slab(1024);
    expect(slab.take(16).buffer).toBe(slab.take(16).buffer);
    expect(slab.take(200).buffer.byteLength).toBe(200);
  });
});
