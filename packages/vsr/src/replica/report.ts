import type { Message } from '../message/message.ts';
import { snake } from '../std/snake.ts';
import type { FatalReason } from './fatal-reasons.ts';
import type { DropReason } from './reasons.ts';
import type { Replica } from './replica.ts';
import type { TraceEvent } from './trace.ts';

export function trace(r: Replica, event: TraceEvent): void {
  r.out.push({ kind: 'trace', event });
}

/** Drops a message that no rule lets in; the reason is counted. */
export function drop(r: Replica, message: Message, reason: DropReason): void {
  const { command, replica } = message.header;
  trace(r, { kind: 'dropped', command: snake(command), reason, from: replica });
}

export function fatal(r: Replica, reason: FatalReason): void {
  r.out.push({ kind: 'fatal', reason });
}
