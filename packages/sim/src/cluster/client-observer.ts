import type { Exposure } from '../byzantine/exposure.ts';
import type { Checkers } from '../checkers/checkers.ts';
import type { ClientObserver } from '../client/simulated-client.ts';
import type { Totals } from '../run/totals.ts';
import { RefusalStreak } from '../workload/workload-fault.ts';

/** Of a cluster, what hears its clients. */
interface Heard {
  readonly checkers: Checkers;
  readonly totals: Totals;
  readonly exposure: Exposure | null;
  /** Lets checkers look, where there is anything to be judged. */
  judge(look: () => void): void;
}

/** What the clients of a cluster tell, taken to the checkers and the totals. */
export function clientObserver(cluster: Heard): ClientObserver {
  const { checkers, totals } = cluster;
  const streak = new RefusalStreak();
  const judge = (look: () => void): void => cluster.judge(look);
  return {
    invoked: (client, request) => judge(() => checkers.invoked(client, request)),
    sending: (checksum) => judge(() => checkers.sending(checksum)),
    replied: (client, request, reply) => {
      streak.end();
      judge(() => checkers.replied(client, request, reply));
      const { op, requestChecksum } = reply.header;
      cluster.exposure?.onReplied({ client, op, requestChecksum });
    },
    refusedDefinitely: (client, request, refusal) => {
      totals.definiteRefusals += 1;
      if (refusal.reason === 'busy') totals.busyRefusals += 1;
      judge(() => checkers.refusedDefinitely(client, request, refusal));
      // Where somebody lies, a refusal says nothing about the request.
      if (refusal.reason === 'invalid' && cluster.exposure === null) streak.add(request);
    },
    indefinite: (client) => {
      totals.indefiniteReplies += 1;
      judge(() => checkers.indefinite(client));
    },
    evicted: () => {
      totals.sessionsEvicted += 1;
    },
    asked: (client, checksum) => judge(() => checkers.asked(client, checksum)),
    answered: (client, reply) => judge(() => checkers.answered(client, reply)),
    unanswered: () => {
      totals.queriesRefused += 1;
    },
  };
}
