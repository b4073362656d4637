import type { NetworkObserver } from '../network/connection.ts';
import type { Instruments } from './instruments.ts';

/** Counts what connections report. */
export function networkObserver(instruments: Instruments): NetworkObserver {
  return {
    onReceived(message): void {
      instruments.messagesReceived.add(message.header.command);
      instruments.bytesReceived.add(message.header.command, message.bytes.length);
    },
    onSent(command, bytes): void {
      instruments.messagesSent.add(command);
      instruments.bytesSent.add(command, bytes);
    },
    onDropped(_command, reason): void {
      instruments.messagesDropped.add(reason);
    },
    onFrameFault(fault): void {
      instruments.frameFaults.add(fault);
    },
    onRejection(direction, reason): void {
      const { rejectionsSent, rejectionsReceived } = instruments;
      (direction === 'sent' ? rejectionsSent : rejectionsReceived).add(reason);
    },
  };
}
