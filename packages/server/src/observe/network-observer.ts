import { type Command, type RefusalReason, type RejectionReason, snake } from '@kimberlite/vsr';
import type { NetworkObserver } from '../network/connection.ts';
import type { Instruments } from './instruments.ts';

/** Counts what connections report. */
export function networkObserver(instruments: Instruments): NetworkObserver {
  return {
    onReceived({ header, bytes }): void {
      const command = labelOf(header.command);
      instruments.messagesReceived.add(command);
      instruments.bytesReceived.add(command, bytes.length);
    },
    onSent(command, bytes): void {
      const label = labelOf(command);
      instruments.messagesSent.add(label);
      instruments.bytesSent.add(label, bytes);
    },
    onRefusal(reason): void {
      instruments.refusals.add(labelOf(reason));
    },
    onDropped(reason): void {
      instruments.messagesDropped.add(reason);
    },
    onFrameFault(fault): void {
      instruments.frameFaults.add(fault);
    },
    onRejection(direction, reason): void {
      const { rejectionsSent, rejectionsReceived } = instruments;
      (direction === 'sent' ? rejectionsSent : rejectionsReceived).add(labelOf(reason));
    },
  };
}

const LABELS = new Map<string, string>();

/** The name as metrics spell it; kept, as this is asked for with every message. */
function labelOf(name: Command | RefusalReason | RejectionReason): string {
  let label = LABELS.get(name);
  if (label === undefined) {
    label = snake(name);
    LABELS.set(name, label);
  }
  return label;
}
