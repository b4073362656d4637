import type { Checkers } from '../checkers/checkers.ts';
import type { ClientObserver } from '../client/simulated-client.ts';
import type { Totals } from '../run/totals.ts';

/** What the clients of a cluster tell, taken to the checkers and the totals. */
export function clientObserver({
  checkers,
  totals,
  judge,
}: {
  readonly checkers: Checkers;
  readonly totals: Totals;
  /** Lets checkers look, where there is anything to be judged. */
  readonly judge: (look: () => void) => void;
}): ClientObserver {
  return {
    invoked: (client, request) => judge(() => checkers.invoked(client, request)),
    sending: (checksum) => judge(() => checkers.sending(checksum)),
    replied: (client, request, reply) => judge(() => checkers.replied(client, request, reply)),
    refusedDefinitely: (client, request, refusal) => {
      totals.definiteRefusals += 1;
      if (refusal.reason === 'busy') totals.busyRefusals += 1;
      judge(() => checkers.refusedDefinitely(client, request, refusal));
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
