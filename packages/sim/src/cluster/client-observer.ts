import type { Checkers } from '../checkers/checkers.ts';
import type { ClientObserver } from '../client/simulated-client.ts';
import type { Totals } from '../run/totals.ts';

/** What clients tell goes to the checkers, and is counted. */
export function clientObserver(checkers: Checkers, totals: Totals): ClientObserver {
  return {
    invoked: (client, request) => checkers.invoked(client, request),
    replied: (client, request, reply) => checkers.replied(client, request, reply),
    refusedDefinitely: (client, request, checksum): void => {
      totals.definiteRefusals += 1;
      checkers.refusedDefinitely(client, request, checksum);
    },
    indefinite: (client): void => {
      totals.indefiniteReplies += 1;
      checkers.indefinite(client);
    },
    evicted: (): void => {
      totals.sessionsEvicted += 1;
    },
    asked: (client, checksum) => checkers.asked(client, checksum),
    answered: (client, reply) => checkers.answered(client, reply),
    unanswered: (): void => {
      totals.queriesRefused += 1;
    },
  };
}
