/**
 * Folds everything that a run does into one number, so that two runs can be compared: the same
 * seed must give the same hash, on any machine and with any number of jobs.
 */
export class TraceHash {
  private low: number;
  private high: number;

  constructor() {
    this.low = 0x9e3779b9;
    this.high = 0x85ebca6b;
  }

  /** Folds in a number: its lower 32 bits and, if it has more, what lies above them. */
  number(value: number): void {
    this.word(value | 0);
    if (value > 0xffffffff || value < 0) this.word(Math.floor(value / 4294967296) | 0);
  }

  /** Folds in the lower 64 bits. */
  bigint(value: bigint): void {
    this.word(Number(value & 0xffffffffn));
    this.word(Number((value >> 32n) & 0xffffffffn));
  }

  text(value: string): void {
    for (let at = 0; at < value.length; at += 1) this.word(value.charCodeAt(at));
  }

  /** Folds in the bytes, or the first `length` of them. */
  bytes(value: Uint8Array, length: number = value.length): void {
    this.word(length);
    for (let at = 0; at < length; at += 1) this.word(value[at] ?? 0);
  }

  /** Folds in every field of an event, in the order in which its literal names them. */
  fields(value: object): void {
    for (const field of Object.values(value)) {
      if (typeof field === 'number') this.number(field);
      else if (typeof field === 'bigint') this.bigint(field);
      else if (typeof field === 'string') this.text(field);
      else if (typeof field === 'boolean') this.word(field ? 1 : 2);
      else if (field instanceof Uint8Array) this.bytes(field);
      else this.word(3);
    }
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
    return hex(this.high) + hex(this.low);
  }

  private word(value: number): void {
    this.low = Math.imul(this.low ^ value, 0x01000193);
    this.low ^= this.low >>> 15;
    this.high = Math.imul(this.high ^ this.low ^ (value << 7), 0x5bd1e995);
    this.high ^= this.high >>> 13;
  }
}
