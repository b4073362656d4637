/**
 * One request's way through a cluster of three, told a line at a time: `npm run demo`.
 *
 * The replicas are the production core. Only what is around them is simulated: the network, the
 * disks, the clocks. So nothing here depends on this machine, and the same seed always tells the
 * same story.
 */
import {
  counterWorkload,
  type HostSetup,
  type ReplicaMaker,
  ScriptedCluster,
} from '@kimberlite/sim';
import {
  type AnyMessage,
  createHost,
  formatReplica,
  quorumsOf,
  type ReplicaHost,
  type TraceEvent,
} from '@kimberlite/vsr';

const REPLICAS = 3;
const SEED = 1n;
const quorum = quorumsOf(REPLICAS).replication;

/** Silent while the client opens its session: that is an op too, but not the one to watch. */
let narrating = false;

function say(who: string, what: string): void {
  if (narrating) process.stdout.write(`${who.padEnd(24)} ${what}\n`);
}

/** What a message that arrives means. Heartbeats, pings and the like are left out. */
function tellArrival(to: number, message: AnyMessage): void {
  const { header } = message;
  switch (header.command) {
    case 'request':
      say(`client    -> replica ${to}`, `request ${header.request}`);
      return;
    case 'prepare':
      say(`replica ${header.replica} -> replica ${to}`, `prepare op ${header.op}`);
      return;
    case 'prepareOk':
      say(`replica ${header.replica} -> replica ${to}`, `prepare_ok op ${header.op}: on my disk`);
      return;
  }
}

/** What a replica says of itself: the same events feed logs, metrics and the checkers of VOPR. */
function tellTrace(slot: number, event: TraceEvent, host: ReplicaHost): void {
  if (event.kind === 'prepared') {
    say(`replica ${slot}`, `gives the request op ${event.op}, sends and writes it`);
  } else if (event.kind === 'committed') {
    const how = host.snapshot().isPrimary
      ? `on the disks of a quorum, ${quorum} of ${REPLICAS}`
      : 'as the primary said';
    say(`replica ${slot}`, `commits op ${event.op}: ${how}`);
  }
}

/**
 * Makes a replica of the cluster: a host is the core with five ports. Two of them are wrapped here
 * to listen in: the trace, and the transport where it answers the client.
 */
function createListenedHost(setup: HostSetup): ReplicaHost {
  const { ports, slot } = setup;
  const host = createHost({
    config: setup.config,
    checksum: setup.checksum,
    cluster: setup.cluster,
    slot,
    release: 0x000100, // 0.1.0
    stateMachine: setup.workload.stateMachine(),
    prng: setup.prng,
    storage: ports.storage,
    clock: ports.clock,
    scheduler: ports.scheduler,
    transport: {
      sendToReplica: (to, message) => ports.transport.sendToReplica(to, message),
      sendToClient: (client, message) => {
        say(`replica ${slot} -> client`, message.header.command);
        ports.transport.sendToClient(client, message);
      },
    },
    trace: {
      trace: (event) => {
        tellTrace(slot, event, host);
        ports.trace.trace(event);
      },
    },
    fatal: setup.onFatal,
  });
  return {
    start: () => host.start(),
    deliver: (message) => {
      tellArrival(slot, message);
      host.deliver(message);
    },
    tick: () => host.tick(),
    peerRefused: (peer) => host.peerRefused(peer),
    snapshot: () => host.snapshot(),
    knownIncarnation: (peer) => host.knownIncarnation(peer),
    backupPoint: (atLeast) => host.backupPoint(atLeast),
  };
}

const maker: ReplicaMaker = { format: formatReplica, create: createListenedHost };

// A cluster that does nothing by chance; all checkers of VOPR watch it.
const cluster = new ScriptedCluster({
  replicaCount: REPLICAS,
  seed: SEED,
  workload: counterWorkload,
  maker,
});

// The first request opens a session: at-most-once needs to know who asks.
cluster.read(3);
cluster.runUntil(() => cluster.converged());

process.stdout.write('A client adds 5 to counter 3.\n\n');
narrating = true;
const sum = cluster.add(3, 5);
cluster.runUntil(() => cluster.converged());
narrating = false;
process.stdout.write(`\nThe reply says ${sum}.\n\n`);

// Nobody may have executed what is not in its log.
let sound = sum === 5;
for (let slot = 0; slot < REPLICAS; slot += 1) {
  const { op, commitMin } = cluster.state(slot);
  sound &&= commitMin <= op;
  process.stdout.write(`replica ${slot}: commit ${commitMin} <= op ${op}: ${commitMin <= op}\n`);
}
process.exitCode = sound ? 0 : 1;
