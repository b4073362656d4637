import type { Child } from './child.ts';

/** What a client process connects to; passed to it as JSON. */
export type LoadTarget =
  | { readonly kind: 'kimberlite'; readonly endpoints: readonly string[]; readonly cluster: string }
  | { readonly kind: 'etcd'; readonly endpoint: string; readonly channels: number };

/** A running cluster of one of the two stores. */
export interface System {
  readonly name: 'kimberlite' | 'etcd';
  readonly members: readonly Child[];
  readonly target: LoadTarget;
  /** What a reader must know to judge the numbers. */
  readonly description: Readonly<Record<string, string | number>>;
}
