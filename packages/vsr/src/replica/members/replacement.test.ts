import { mix128, present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { CONFIG_SIMULATION } from '../../config.ts';
import { formatReplica, recoveredFile } from '../../format.ts';
import { SLOT_COUNT } from '../../membership.ts';
import {
  OPERATION_FORGET_FILES,
  OPERATION_RECOVER,
  OPERATION_REGISTER,
} from '../../message/batch.ts';
import { decodeKnownFiles, type KnownFile, UNKNOWN_FILE } from '../../message/known-files.ts';
import { REFUSAL_REASONS } from '../../message/layout.ts';
import type { Message } from '../../message/message.ts';
import { encodeRecovery } from '../../message/recover-body.ts';
import { setAdd, setSlots } from '../../std/bitset.ts';
import { Op, View } from '../../std/numbers.ts';
import { FIXTURE_MACHINE } from '../../testing/counter-machine.ts';
import { DataFile } from '../../testing/data-file.ts';
import { doViewChangeOf, leadViewOne, prepareOkOf } from '../../testing/lead.ts';
import {
  FIXTURE_CLUSTER,
  fixtureRoot,
  makeRequest,
  prepareAfter,
} from '../../testing/log-fixture.ts';
import { fromPeer, greeting, pingOf, ReplicaHarness } from '../../testing/replica-harness.ts';
import { sessionNumber } from '../execution/sessions.ts';

/** A `recover` of slot 2, in the name of the client with this place in op 1. */
function recoverOf(
  incarnation: bigint,
  { client = 5, place = 0, request = 1 } = {},
): ReturnType<typeof makeRequest> {
  return makeRequest({
    client,
    session: sessionNumber(Op(1), place),
    request,
    operation: OPERATION_RECOVER,
    body: encodeRecovery({ slot: 2, incarnation }),
  });
}

/** Op 1 registers a client, op 2 replaces the file of slot 2 in its name, op 3 is empty. */
function replacingLog(): ReturnType<typeof prepareAfter>[] {
  const root = fixtureRoot();
  const register = { client: 5, session: 0, request: 0, operation: OPERATION_REGISTER };
  const first = prepareAfter(root, { view: 1, requests: [makeRequest(register)] });
  const second = prepareAfter(first, { view: 1, requests: [recoverOf(77n)] });
  return [root, first, second, prepareAfter(second, { view: 1 })];
}

describe('an op that replaces a lost file', () => {
  it('is not committed by that file, and neither is what follows it', () => {
    const log = replacingLog();
    const harness = new ReplicaHarness({ slot: 1 }).start();
    leadViewOne(harness, log);
    const { replica } = harness;
    expect(replica).toMatchObject({ status: 'normal', view: 1, op: 3, commitMax: 0 });
    const [first, second, third] = log.slice(1);
    for (const message of [first, second, third]) {
      harness.deliver(prepareOkOf({ slot: 2, view: 1 }, present(message)));
    }
    // What stands below it may have been acknowledged by the lost file alone.
    expect(replica.commitMax).toBe(1);
    expect(replica.primary.pipeline.map(({ acks }) => setSlots(acks))).toEqual([[1], [1]]);
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, present(second)));
    expect(replica).toMatchObject({ commitMax: 2, commitMin: 2 });
    expect(harness.traced('recovered')).toMatchObject([{ peer: 2, op: 2 }]);
    // From here on it is a stranger, and the new file counts.
    harness.deliver(prepareOkOf({ slot: 2, view: 1 }, present(third)));
    expect(harness.traced('dropped').at(-1)).toMatchObject({ reason: 'other_incarnation' });
    harness.settle();
    const { incarnation: _, ...ack } = prepareOkOf({ slot: 2, view: 1 }, present(third)).header;
    harness.deliver(fromPeer({ slot: 2, view: 1, incarnation: 77n }, 'prepareOk', ack));
    expect(replica.commitMax).toBe(3);
  });

  it('is counted by the op, where two of the pipeline replace the same file', () => {
    const [root, first, second] = replacingLog();
    const requests = [recoverOf(78n, { request: 2 })];
    const third = prepareAfter(present(second), { view: 1, requests });
    const harness = new ReplicaHarness({ slot: 1 }).start();
    leadViewOne(harness, [present(root), present(first), present(second), third]);
    for (const op of [first, second]) {
      harness.deliver(prepareOkOf({ slot: 0, view: 1 }, present(op)));
    }
    harness.settle();
    expect(harness.replica.commitMin).toBe(2);
    // The file that the first one named is no witness of the one that replaces it again.
    const { incarnation: _, ...ack } = prepareOkOf({ slot: 2, view: 1 }, third).header;
    harness.deliver(fromPeer({ slot: 2, view: 1, incarnation: 77n }, 'prepareOk', ack));
    expect(harness.replica.commitMax).toBe(2);
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, third));
    expect(harness.replica.commitMax).toBe(3);
    expect(harness.traced('recovered')).toMatchObject([{ op: 2 }, { op: 3 }]);
  });

  it('names one file of a slot, the first, whatever a primary has put together', () => {
    const register = { client: 5, session: 0, request: 0, operation: OPERATION_REGISTER };
    const root = fixtureRoot();
    const both = [register, { ...register, client: 6 }].map(makeRequest);
    const first = prepareAfter(root, { view: 1, requests: both });
    const requests = [recoverOf(75n), recoverOf(76n, { client: 6, place: 1 })];
    const second = prepareAfter(first, { view: 1, requests });
    const harness = new ReplicaHarness({ slot: 1 }).start();
    leadViewOne(harness, [root, first, second]);
    for (const op of [first, second]) harness.deliver(prepareOkOf({ slot: 0, view: 1 }, op));
    harness.settle();
    const { replica } = harness;
    expect(replica.commitMin).toBe(2);
    expect(replica.replacedFiles.get(2)).toEqual({ incarnation: 75n, since: 2 });
    expect(replica.introductions.files[2]).toEqual({ incarnation: 75n, since: 2 });
  });

  it('voids what the lost file voted for', () => {
    const harness = new ReplicaHarness({ slot: 1 }).start();
    const log = replacingLog();
    leadViewOne(harness, log);
    harness.deliver(fromPeer({ slot: 2, view: 1 }, 'startViewChange', {}));
    expect(setSlots(harness.replica.viewChange.votes)).toContain(2);
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, present(log[1])));
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, present(log[2])));
    expect(harness.traced('recovered')).toHaveLength(1);
    expect(setSlots(harness.replica.viewChange.votes)).not.toContain(2);
  });

  it('is vouched for by who has executed it and heard enough others', () => {
    const log = replacingLog();
    const harness = new ReplicaHarness({ slot: 1 }).start();
    leadViewOne(harness, log);
    for (const op of [1, 2]) harness.deliver(prepareOkOf({ slot: 0, view: 1 }, present(log[op])));
    harness.settle();
    const told = (): number => {
      harness.takeAll();
      harness.deliver(pingOf(2, { incarnation: 77n }));
      return present(harness.take('pong')[0]).message.header.knownSince;
    };
    expect(told()).toBe(2);
    // The one that asks remembers nothing of this file.
    harness.replica.greeted = setAdd(0, 2);
    expect(told()).toBe(0);
    harness.replica.greeted = setAdd(0, 0);
    expect(told()).toBe(2);
  });

  it('is told with the log, and the file that it replaced is not counted with who knows', () => {
    const harness = new ReplicaHarness({ slot: 1, replicaCount: 5 }).start();
    for (const slot of [0, 2, 3]) {
      harness.deliver(fromPeer({ slot, view: 0 }, 'startViewChange', {}));
    }
    harness.settle();
    const log = [fixtureRoot(), prepareAfter(fixtureRoot())];
    const files = { 2: { incarnation: 77n, since: Op(9) } };
    harness.deliver(doViewChangeOf({ slot: 0, view: 1 }, log, { files }));
    harness.deliver(doViewChangeOf({ slot: 2, view: 1 }, log));
    expect(harness.replica.logView).toBe(0);
    harness.deliver(doViewChangeOf({ slot: 3, view: 1 }, log));
    expect(harness.replica.logView).toBe(1);
  });

  it('is known to who executed it, and told in its do_view_change', () => {
    const harness = new ReplicaHarness({ slot: 1 }).start();
    const log = replacingLog();
    leadViewOne(harness, log);
    for (const op of [1, 2]) harness.deliver(prepareOkOf({ slot: 0, view: 1 }, present(log[op])));
    harness.settle();
    harness.takeAll();
    harness.deliver(fromPeer({ slot: 0, view: 18 }, 'startViewChange', {}));
    harness.settle();
    const { body } = present(harness.take('doViewChange')[0]).message;
    expect(decodeKnownFiles(body)?.[2]).toEqual({ incarnation: 77n, since: 2 });
  });
});

describe('an op that forgets what took the place of lost files', () => {
  const register = { client: 5, session: 0, request: 0, operation: OPERATION_REGISTER };
  const forget = {
    client: 5,
    session: sessionNumber(Op(1), 0),
    request: 1,
    operation: OPERATION_FORGET_FILES,
  };

  it('leaves none of them to the clusters that are made of this state', () => {
    const harness = new ReplicaHarness({ slot: 0, replicaCount: 1 }).start();
    const { replacedFiles } = harness.replica;
    replacedFiles.put(1, { incarnation: 1234n, since: Op(500) });
    for (const request of [register, forget]) {
      harness.deliver(makeRequest(request));
      harness.settle();
    }
    expect(harness.replica.commitMin).toBe(2);
    expect(replacedFiles.get(1)).toBeNull();
    expect(replacedFiles.load()).toBe(true);
    expect(replacedFiles.get(1)).toBeNull();
  });

  it('does nothing among several, which need what they know', () => {
    const root = fixtureRoot();
    const first = prepareAfter(root, { view: 1, requests: [makeRequest(register)] });
    const second = prepareAfter(first, { view: 1, requests: [makeRequest(forget)] });
    const harness = new ReplicaHarness({ slot: 1 }).start();
    harness.replica.replacedFiles.put(0, { incarnation: 9n, since: Op(1) });
    leadViewOne(harness, [root, first, second]);
    for (const op of [first, second]) harness.deliver(prepareOkOf({ slot: 0, view: 1 }, op));
    expect(harness.replica.commitMin).toBe(2);
    expect(harness.replica.replacedFiles.get(0)).toMatchObject({ since: 1 });
    harness.takeAnswers();
    harness.deliver(makeRequest({ ...forget, request: 2 }));
    const reasons = harness.takeAnswers().map(({ message }) => message.header);
    expect(reasons).toMatchObject([{ reason: REFUSAL_REASONS.invalid }]);
  });
});

describe('a file that takes the place of a lost one', () => {
  /** Of slot 2 among so many, by op 2. */
  function recovered(
    replicaCount = 3,
    replaced: Readonly<Record<number, KnownFile>> = {},
  ): ReplicaHarness {
    const files = Array.from({ length: SLOT_COUNT }, (_, slot) => replaced[slot] ?? UNKNOWN_FILE);
    const answer = { since: Op(2), files };
    const file = { slot: 2, incarnation: 77n, recovered: answer, view: View(1) };
    const contents = formatReplica({
      config: CONFIG_SIMULATION,
      machine: FIXTURE_MACHINE,
      cluster: FIXTURE_CLUSTER,
      replicaCount,
      checksum: mix128,
      slot: 2,
      ...recoveredFile(file),
    });
    const data = new DataFile(CONFIG_SIMULATION, contents);
    const options = { slot: 2, replicaCount, introduced: false, file: data };
    return new ReplicaHarness(options).start();
  }

  /** A peer that has executed the op says so. */
  function says(slot: number, view = 1): ReturnType<typeof greeting> {
    const known = { pingIncarnation: 77n, knownIncarnation: 77n, knownSince: Op(2) };
    const { view: _, ...answer } = greeting(slot, known).header;
    return fromPeer({ slot, view }, 'pong', answer);
  }

  it.each([
    { replicaCount: 3, needed: 2 },
    { replicaCount: 4, needed: 2 },
    { replicaCount: 5, needed: 3 },
    { replicaCount: 6, needed: 3 },
  ])('of $replicaCount takes part when $needed others say that they know it', (fixture) => {
    const { replicaCount, needed } = fixture;
    const harness = recovered(replicaCount);
    [0, 1, 3, 4, 5].slice(0, needed).forEach((slot) => {
      expect(harness.replica.status).toBe('introducing');
      harness.deliver(says(slot));
      harness.settle();
    });
    expect(harness.replica).toMatchObject({ status: 'view_change', view: 33, logView: 0 });
  });

  it('knows which others were replaced before it, and is deaf to their lost files', () => {
    const other = { incarnation: 66n, since: Op(1) };
    const harness = recovered(4, { 3: other });
    harness.deliver(pingOf(3));
    expect(harness.traced('dropped')).toMatchObject([{ reason: 'other_incarnation' }]);
    for (const slot of [0, 1]) harness.deliver(says(slot));
    harness.settle();
    const { body } = present(harness.take('doViewChange')[0]).message;
    expect(decodeKnownFiles(body)?.[3]).toEqual(other);
  });

  it('vouches for no other that was recovered, as long as it has executed nothing', () => {
    const other = { incarnation: 66n, since: Op(1) };
    const harness = recovered(4, { 3: other });
    const ask = (): Message<'pong'>['header'] => {
      harness.takeAll();
      harness.deliver(pingOf(3, other));
      return present(harness.take('pong')[0]).message.header;
    };
    expect(ask()).toMatchObject({ knownIncarnation: 66n, knownSince: 0 });
    for (const slot of [0, 1]) harness.deliver(says(slot));
    harness.settle();
    expect(ask()).toMatchObject({ knownIncarnation: 66n, knownSince: 0 });
  });

  it('does not take a note for the knowledge of the op', () => {
    const harness = recovered();
    harness.deliver(says(0));
    harness.deliver(greeting(1, { pingIncarnation: 77n, knownIncarnation: 77n }));
    harness.settle();
    expect(harness.replica.status).toBe('introducing');
    harness.deliver(says(1));
    harness.settle();
    expect(harness.replica.status).toBe('view_change');
  });

  it('begins in no view below those of the others that know it, over a restart too', () => {
    const first = recovered();
    first.deliver(says(0, 48));
    first.settle();
    const harness = first.restart();
    expect(harness.replica).toMatchObject({ status: 'introducing', view: 48 });
    harness.deliver(says(1, 40));
    harness.settle();
    expect(harness.replica).toMatchObject({ status: 'view_change', view: 48, logView: 0 });
  });

  it('does not begin in the very view that the lost one led', () => {
    const harness = recovered();
    harness.deliver(says(0, 50)); // Of slot 2: the lost one may have given its log to somebody.
    harness.settle();
    expect(harness.replica).toMatchObject({ status: 'introducing', view: 64 });
  });
});
