/** A change of a table, as tests draw it. */
export interface Change {
  readonly kind: 'put' | 'merge' | 'delete';
  readonly table: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
