import { Violation } from '../checkers/violation.ts';

/** A function of the host that gives two replicas different answers, or runs something later. */
interface Forbidden {
  /** Global object that has it; null for a function that is global itself. */
  readonly owner: string | null;
  readonly name: string;
  /** What a state machine does that calls it. */
  readonly doing: string;
}

const CLOCK = 'reads the clock';
const RANDOM = 'draws random numbers';
const LATER = 'does something later';

const FORBIDDEN: readonly Forbidden[] = [
  { owner: 'Math', name: 'random', doing: RANDOM },
  { owner: 'crypto', name: 'getRandomValues', doing: RANDOM },
  { owner: 'crypto', name: 'randomUUID', doing: RANDOM },
  { owner: 'performance', name: 'now', doing: CLOCK },
  { owner: 'process', name: 'hrtime', doing: CLOCK },
  { owner: 'process', name: 'nextTick', doing: LATER },
  { owner: null, name: 'setTimeout', doing: LATER },
  { owner: null, name: 'setInterval', doing: LATER },
  { owner: null, name: 'setImmediate', doing: LATER },
  { owner: null, name: 'queueMicrotask', doing: LATER },
  { owner: null, name: 'fetch', doing: 'asks the network' },
];

interface Patch {
  readonly holder: object;
  readonly name: string;
  readonly replacement: unknown;
  /** What stood there itself; undefined where it was inherited. */
  readonly before: PropertyDescriptor | undefined;
}

/**
 * Calls code of a state machine while the host's clocks, random numbers and timers are out of
 * reach: who takes one of them is told which, and the run ends. Calls inside one another are fine.
 */
export class HostGuard {
  private readonly patches: readonly Patch[];
  private depth: number;

  constructor() {
    this.patches = [...FORBIDDEN.flatMap(patchOf), ...datePatch()];
    this.depth = 0;
  }

  run<T>(call: () => T): T {
    if (this.depth === 0) this.close();
    this.depth += 1;
    try {
      return call();
    } finally {
      this.depth -= 1;
      if (this.depth === 0) this.open();
    }
  }

  private close(): void {
    for (const { holder, name, replacement } of this.patches) {
      const value = { value: replacement, configurable: true, writable: true };
      Reflect.defineProperty(holder, name, value);
    }
  }

  private open(): void {
    for (const { holder, name, before } of this.patches) {
      if (before === undefined) Reflect.deleteProperty(holder, name);
      else Reflect.defineProperty(holder, name, before);
    }
  }
}

/** Thrown where the machine called what it may not: its stack is the place. */
export class HostViolation extends Violation {}

function refuse(doing: string, name: string): never {
  throw new HostViolation('determinism', `the state machine ${doing} (${name})`);
}

function patchOf({ owner, name, doing }: Forbidden): Patch[] {
  const holder: unknown = owner === null ? globalThis : Reflect.get(globalThis, owner);
  if (typeof holder !== 'object' || holder === null || !(name in holder)) return [];
  const spelled = owner === null ? name : `${owner}.${name}`;
  const before = Reflect.getOwnPropertyDescriptor(holder, name);
  if (before?.configurable === false) return [];
  return [{ holder, name, replacement: () => refuse(doing, spelled), before }];
}

/** A date made of numbers is a value like others; only today's is forbidden. */
function datePatch(): Patch[] {
  const original: unknown = Reflect.get(globalThis, 'Date');
  if (typeof original !== 'function') return [];
  const replacement: unknown = new Proxy(original, {
    construct: (target, args: unknown[], newTarget): object => {
      if (args.length === 0) refuse(CLOCK, 'new Date()');
      return Reflect.construct(target, args, newTarget) as object; // SAFETY: a constructor's.
    },
    apply: () => refuse(CLOCK, 'Date()'),
    get: (target, name): unknown =>
      name === 'now' ? () => refuse(CLOCK, 'Date.now') : Reflect.get(target, name),
  });
  const before = Reflect.getOwnPropertyDescriptor(globalThis, 'Date');
  return [{ holder: globalThis, name: 'Date', replacement, before }];
}
