import { ratiosOf } from '../run/ratios.ts';
import type { Totals } from '../run/totals.ts';
import type { Cluster } from './cluster.ts';

/** Takes the counters that the parts of a cluster keep for themselves into its totals. */
export function collectTotals(cluster: Cluster): Totals {
  const { totals, network } = cluster;
  const steps = cluster.clients.reduce((sum, client) => sum + client.steps, 0);
  totals.events = cluster.queue.processed - cluster.queue.idled + steps;
  totals.opsCommitted = cluster.checkers.history.head;
  totals.requestsAnswered = cluster.clients.reduce((sum, client) => sum + client.answered, 0);
  totals.queriesAnswered = cluster.clients.reduce((sum, client) => sum + client.queriesAnswered, 0);
  totals.packetsLost = network.counts.lost;
  totals.packetsReplayed = network.counts.replayed;
  totals.packetsEchoed = network.counts.echoed;
  totals.packetsOverflowed = network.counts.overflowed;
  totals.packetsGarbled = network.counts.garbled;
  totals.checksumsGarbled = network.counts.checksumsGarbled;
  totals.clogs = network.counts.clogs;
  totals.mutationsApplied = cluster.mutator?.appliedTotal ?? 0;
  totals.liesDelivered = cluster.exposure?.heard.delivered ?? 0;
  totals.liesRejected = cluster.exposure?.heard.rejected ?? 0;
  totals.liesBelieved = (cluster.exposure?.belief ?? null) === null ? 0 : 1;
  totals.wrongAnswersAfterLies = cluster.exposure?.answers.wrong ?? 0;
  totals.staleAnswers = cluster.exposure?.staleAnswers ?? 0;
  totals.divergencesFound = (cluster.exposure?.stopped ?? null) === null ? 0 : 1;
  totals.stopsUnexplained = cluster.exposure?.stopsUnexplained ?? 0;
  totals.standstills = cluster.exposure?.standsStill === true ? 1 : 0;
  totals.liarsDenied = cluster.exposure?.liarDenied === true ? 1 : 0;
  totals.liesNoticed =
    totals.liesRejected + totals.divergencesFound + totals.standstills + totals.liarsDenied;
  totals.heartbeats = network.counts.heartbeats;
  totals.congestions = network.congestion.begun;
  totals.packetsCongested = network.counts.congested;
  totals.packetsLostByCommand = network.counts.lostByCommand;
  totals.clockSteps = cluster.clocks.reduce((sum, clock) => sum + clock.steps, 0);
  totals.clockStepsBack = cluster.clocks.reduce((sum, clock) => sum + clock.stepsBack, 0);
  const disks = cluster.storages.map((storage) => storage.counts);
  totals.corruptReads = disks.reduce((sum, disk) => sum + disk.corruptReads, 0);
  totals.corruptReadsHealed = disks.reduce((sum, disk) => sum + disk.corruptReadsHealed, 0);
  totals.checksumsRotten = disks.reduce((sum, disk) => sum + disk.checksumsRotten, 0);
  totals.misdirectedWrites = disks.reduce((sum, disk) => sum + disk.misdirected, 0);
  const { workload } = cluster.options;
  totals.tenants = workload.tenants?.size ?? 0;
  totals.noSpaceRefusals = workload.noSpaceRefusals ?? 0;
  totals.revisionReads = workload.revisionReads ?? 0;
  totals.compactedRefusals = workload.compactedRefusals ?? 0;
  totals.latentFaults = disks.reduce((sum, disk) => sum + disk.latentFaults, 0);
  totals.hiddenHeads = disks.reduce((sum, disk) => sum + disk.hiddenHeads, 0);
  totals.tornSectors = disks.reduce((sum, disk) => sum + disk.tornSectors, 0);
  totals.writesFailed = disks.reduce((sum, disk) => sum + disk.failed, 0);
  totals.writesDropped = disks.reduce((sum, disk) => sum + disk.dropped, 0);
  const rooms = cluster.storages.map(({ room }) => room.counts);
  totals.blocksWithoutRoom = rooms.reduce((sum, room) => sum + room.refused, 0);
  totals.blocksWithRoomAgain = rooms.reduce((sum, room) => sum + room.admitted, 0);
  totals.lostWrites = disks.reduce((sum, disk) => sum + disk.lostWrites, 0);
  Object.assign(
    totals,
    ratiosOf((name) => totals[name]),
  );
  return totals;
}
