import { type Combine, RecordKind } from '../record.ts';
import { assert, present } from '../std/assert.ts';

const EMPTY: Uint8Array = new Uint8Array(0);

/** Works out what a key has from its records, handed in newest first. */
export class RecordFold {
  private readonly combine: Combine | null;
  private valueNow: Uint8Array = EMPTY;
  private kindNow: RecordKind | null = null;

  constructor(combine: Combine | null) {
    this.combine = combine;
  }

  begin(): void {
    this.kindNow = null;
    this.valueNow = EMPTY;
  }

  /** Takes the next older record; true when nothing older matters. */
  older(kind: RecordKind, value: Uint8Array): boolean {
    if (this.kindNow === null) {
      this.kindNow = kind;
      this.valueNow = value;
    } else {
      assert(this.kindNow === RecordKind.delta, 'only deltas ask for what is older');
      const older = kind === RecordKind.tombstone ? null : value;
      this.valueNow = present(this.combine, 'this table takes no deltas')(older, this.valueNow);
      this.kindNow = kind === RecordKind.delta ? RecordKind.delta : RecordKind.put;
    }
    return this.kindNow !== RecordKind.delta;
  }

  /** What the records so far say together; null before the first. */
  get kind(): RecordKind | null {
    return this.kindNow;
  }

  get part(): Uint8Array {
    return this.valueNow;
  }

  /** No older record exists: a delta meets nothing. */
  end(): void {
    if (this.kindNow !== RecordKind.delta) return;
    this.valueNow = present(this.combine, 'this table takes no deltas')(null, this.valueNow);
    this.kindNow = RecordKind.put;
  }

  /** The value of a key that has one, when all its records were handed in. */
  get whole(): Uint8Array {
    this.end();
    return present(this.value, 'a key that is there has a value');
  }

  /** The key's value after `end`; null when it has none. */
  get value(): Uint8Array | null {
    return this.kindNow === RecordKind.put ? this.valueNow : null;
  }
}
