import type { Child } from './child.ts';
import type { PutTarget } from './load.ts';

/** Milliseconds after which a put of the failover benchmark is given up and the next one begun. */
export const PUT_MILLIS = 250;
/** Milliseconds for anything that is waited for between trials. */
export const PATIENCE_MILLIS = 60_000;

/** A cluster of three whose members are killed and come back. */
export interface FailoverSystem {
  readonly name: string;
  /** What a reader must know to judge the numbers. */
  readonly settings: string;
  /** By member; replaced when it is started again. */
  readonly members: Child[];
  /** Index of the member that leads, or null while there is none. */
  leader(): Promise<number | null>;
  /** Starts a member that was killed. */
  restart(member: number): void;
  /** Whether all members are up and level enough for the next trial. */
  isWhole(): Promise<boolean>;
  /** One client of the whole cluster; a put may fail and is then begun anew. */
  client(): PutTarget;
}
