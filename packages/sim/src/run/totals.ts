import { RATIO_NAMES, ratiosOf } from './ratios.ts';

/** What happened in a run, or in a campaign when added up. */
export interface Totals {
  runs: number;
  /** Deliveries, completions of I/O, steps of clients and timers that fired; no idle ticks. */
  events: number;
  ticks: number;
  requestsAnswered: number;
  queriesAnswered: number;
  /** Answers that replicas gave, of which some were lost or not the first. */
  queriesByReplicas: number;
  /** Given up by the client: no replica had an answer that was fresh enough. */
  queriesRefused: number;
  /** Came to a primary while another led a later view. */
  queriesAtStalePrimary: number;
  /** Came to a new primary before what it inherited had committed. */
  queriesAtInheritedTail: number;
  opsCommitted: number;
  crashes: number;
  crashesWithWritesInFlight: number;
  crashesOfAll: number;
  restarts: number;
  pauses: number;
  viewChangesCompleted: number;
  viewChangesAbandoned: number;
  /** Ticks in which two replicas or more changed to different views. */
  viewChangesOverlapping: number;
  /** Times that a replica forgot the votes of others, which were no quorum for too long. */
  voteWindowsExpired: number;
  abdications: number;
  opsTruncated: number;
  /** Ticks with an op in the latest log that two know by name only; where a scenario asks. */
  lastCopies: number;
  headersRepaired: number;
  preparesRepaired: number;
  /** Ticks of replicas that lack something and may ask no peer for more. */
  repairBudgetFull: number;
  /** Repairs asked of a peer while slow ones were there, and a healthy one with nothing to do. */
  repairChoices: number;
  /** Of those, asked of a slow one; the share in thousandths, 0 while they are few. */
  repairsOfSlow: number;
  repairsOfSlowPermille: number;
  blocksRepaired: number;
  executionWaits: number;
  /** Whole tours of the scrubbers, and what they found, by zone. */
  scrubTours: number;
  /** Ticks of replicas in whose tour nothing was read because its share of the disk was used up. */
  scrubTicksHeld: number;
  scrubbedPrepares: number;
  scrubbedHeaders: number;
  scrubbedBlocks: number;
  scrubbedSuperblocks: number;
  /** Places that starts found rotten or torn. */
  rotAtStart: number;
  checkpoints: number;
  syncsStarted: number;
  syncsFinished: number;
  /** Of those begun, the ones that took the place of one that had not ended. */
  syncsOvertaken: number;
  walWraps: number;
  recoveringHeads: number;
  /** Crashes of replicas that doubted their heads. */
  crashesInDoubt: number;
  partitions: number;
  partitionsUniformSize: number;
  partitionsUniformPartition: number;
  partitionsIsolateOne: number;
  partitionsSymmetric: number;
  partitionsOneWay: number;
  packetsLost: number;
  packetsReplayed: number;
  packetsEchoed: number;
  packetsOverflowed: number;
  packetsGarbled: number;
  /** Of those, the ones with the wrong bit in a checksum. */
  checksumsGarbled: number;
  clogs: number;
  corruptReads: number;
  corruptReadsHealed: number;
  /** Sectors in which a checksum itself went bad, where a scenario asks for it. */
  checksumsRotten: number;
  misdirectedWrites: number;
  latentFaults: number;
  hiddenHeads: number;
  tornSectors: number;
  lostWrites: number;
  /** Writes that failed, each of which ended a process. */
  writesFailed: number;
  /** Writes that were said to be done, and of which nothing was stored. */
  writesDropped: number;
  /** Times that a disk took nothing new any more. */
  diskHangs: number;
  /** Primaries with such a disk that let requests wait for three seconds. */
  hungPrimaries: number;
  /** Times that a data file could grow no more. */
  fullDisks: number;
  /** Writes of blocks that had to wait for room, and those of them that found it later. */
  blocksWithoutRoom: number;
  blocksWithRoomAgain: number;
  /** Requests turned away, and queries answered, while blocks waited for room. */
  refusalsWithoutRoom: number;
  queriesWithoutRoom: number;
  /** Requests turned away when all disks had had room for three seconds. */
  refusalsWithRoom: number;
  /** Primaries that alone had no room and let requests wait for three seconds. */
  fullDiskPrimaries: number;
  /** Headers that reached a disk after another body had stood in their slot. */
  lateHeaders: number;
  /** Primaries with queries to answer that knew nothing of a later view, and what it executed. */
  unawarePrimaries: number;
  decodeFaults: number;
  sessionsEvicted: number;
  clientCrashes: number;
  /** Times in which clients asked several times as often as else. */
  bursts: number;
  indefiniteReplies: number;
  definiteRefusals: number;
  /** Of those, the ones of a primary that was full, or whose commits stood still. */
  busyRefusals: number;
  duplicateRequests: number;
  /** Executed requests of an operation that no state machine knows, as a liar logs them. */
  unknownOperations: number;
  /** Calls that the kernel refused because the state had reached its limit. */
  noSpaceRefusals: number;
  /** Reads at a revision that the kernel answered, and those that it refused as compacted. */
  revisionReads: number;
  compactedRefusals: number;
  clockLosses: number;
  /** Ops made with an agreed clock by a primary whose own is not near a majority of them. */
  outvotedStamps: number;
  /** Of those, the ones while no majority of the clocks lay within the tolerance. */
  clockLossesByOffset: number;
  disksLost: number;
  strangersRefused: number;
  disksRecovered: number;
  /** Old disks of recovered replicas that came back to life. */
  disksReturned: number;
  /** Files that were put back to an older copy, behind what they had promised. */
  oldFiles: number;
  /** Of those, lives in which a peer denied it, and those that ended for it. */
  oldFilesDenied: number;
  oldFilesRefused: number;
  /** Copies that were put back and behind nothing that was promised: they go on. */
  oldFilesHarmless: number;
  /** Old files that were started while another replica had lost its disk. */
  oldFilesBesideLost: number;
  /** Acks that an old disk sent while an op that replaces its file waited to be committed. */
  lostFileAcks: number;
  /** New files that were started while fewer than a quorum of the others had noted them. */
  filesKnownByFew: number;
  /** New files that took part before the lost one came back beside a replica that knew of them. */
  lostFilesWitnessed: number;
  /** New files that replicas learned of from the checkpoint that they took over. */
  filesFromCheckpoints: number;
  refusedHints: number;
  falseHints: number;
  commitStalls: number;
  /** Times that a primary began to slow commits for a voter. */
  commitsSlowed: number;
  quorumLosses: number;
  abdicationsClockLost: number;
  abdicationsRepairStuck: number;
  congestions: number;
  packetsCongested: number;
  packetsLostByCommand: number;
  grayFailures: number;
  graySlow: number;
  grayIntermittent: number;
  graySendOnly: number;
  grayReceiveOnly: number;
  grayFrozen: number;
  clockSteps: number;
  clockStepsBack: number;
  /** Namespaces of the kernel in which a call succeeded. */
  tenants: number;
  mutationsApplied: number;
  /** Lies that came to somebody else than the liar, and those of them that were refused. */
  liesDelivered: number;
  liesRejected: number;
  liesRejectedPermille: number;
  liesBelieved: number;
  /** Answers after a lie was believed, at whose op an honest replica committed something else. */
  wrongAnswersAfterLies: number;
  /** Answers to queries that a lie made less fresh than their level owes. */
  staleAnswers: number;
  divergencesFound: number;
  /** Replicas that stopped for a lie of which nothing was seen: not believed, nor told to them. */
  stopsUnexplained: number;
  /** Runs in which a lie left nothing that could go on. */
  standstills: number;
  /** Runs in which peers denied the file of the liar for what it had told them of it. */
  liarsDenied: number;
  /** Lies refused, and runs in which one was found out or left nothing that could go on. */
  liesNoticed: number;
  graySlowDisk: number;
  /** Commits and acknowledgements of an earlier view that came in the midst of a view change. */
  lateCommits: number;
  clockAgreements: number;
  heartbeats: number;
  crashesAtEvents: number;
  partitionsIsolatePrimary: number;
  partitionsMultiGroup: number;
  partitionsSingleLink: number;
  partitionsBridge: number;
  partitionsRing: number;
  /** Histories that the second judge looked at, and those of which it could not tell. */
  historiesJudged: number;
  historiesUndecided: number;
  /** Runs whose healed core could not go on for a reason outside what is promised. */
  unrecoverable: number;
  /** Runs in which what the scenario is about did not happen: they prove nothing. */
  witnessMissing: number;
}

/** All zero: before the first run. */
export function emptyTotals(): Totals {
  return {
    runs: 0,
    events: 0,
    ticks: 0,
    requestsAnswered: 0,
    queriesAnswered: 0,
    queriesByReplicas: 0,
    queriesRefused: 0,
    queriesAtStalePrimary: 0,
    queriesAtInheritedTail: 0,
    opsCommitted: 0,
    crashes: 0,
    crashesWithWritesInFlight: 0,
    crashesOfAll: 0,
    restarts: 0,
    pauses: 0,
    viewChangesCompleted: 0,
    viewChangesAbandoned: 0,
    viewChangesOverlapping: 0,
    voteWindowsExpired: 0,
    abdications: 0,
    opsTruncated: 0,
    lastCopies: 0,
    headersRepaired: 0,
    preparesRepaired: 0,
    repairBudgetFull: 0,
    repairChoices: 0,
    repairsOfSlow: 0,
    repairsOfSlowPermille: 0,
    blocksRepaired: 0,
    executionWaits: 0,
    scrubTours: 0,
    scrubTicksHeld: 0,
    scrubbedPrepares: 0,
    scrubbedHeaders: 0,
    scrubbedBlocks: 0,
    scrubbedSuperblocks: 0,
    rotAtStart: 0,
    checkpoints: 0,
    syncsStarted: 0,
    syncsFinished: 0,
    syncsOvertaken: 0,
    walWraps: 0,
    recoveringHeads: 0,
    crashesInDoubt: 0,
    partitions: 0,
    partitionsUniformSize: 0,
    partitionsUniformPartition: 0,
    partitionsIsolateOne: 0,
    partitionsSymmetric: 0,
    partitionsOneWay: 0,
    packetsLost: 0,
    packetsReplayed: 0,
    packetsEchoed: 0,
    packetsOverflowed: 0,
    packetsGarbled: 0,
    checksumsGarbled: 0,
    clogs: 0,
    corruptReads: 0,
    corruptReadsHealed: 0,
    checksumsRotten: 0,
    misdirectedWrites: 0,
    latentFaults: 0,
    hiddenHeads: 0,
    tornSectors: 0,
    lostWrites: 0,
    writesFailed: 0,
    writesDropped: 0,
    diskHangs: 0,
    hungPrimaries: 0,
    fullDisks: 0,
    blocksWithoutRoom: 0,
    blocksWithRoomAgain: 0,
    refusalsWithoutRoom: 0,
    queriesWithoutRoom: 0,
    refusalsWithRoom: 0,
    fullDiskPrimaries: 0,
    lateHeaders: 0,
    unawarePrimaries: 0,
    decodeFaults: 0,
    sessionsEvicted: 0,
    clientCrashes: 0,
    bursts: 0,
    indefiniteReplies: 0,
    definiteRefusals: 0,
    busyRefusals: 0,
    duplicateRequests: 0,
    unknownOperations: 0,
    noSpaceRefusals: 0,
    revisionReads: 0,
    compactedRefusals: 0,
    clockLosses: 0,
    outvotedStamps: 0,
    clockLossesByOffset: 0,
    disksLost: 0,
    strangersRefused: 0,
    disksRecovered: 0,
    disksReturned: 0,
    oldFiles: 0,
    oldFilesDenied: 0,
    oldFilesRefused: 0,
    oldFilesHarmless: 0,
    oldFilesBesideLost: 0,
    lostFileAcks: 0,
    filesKnownByFew: 0,
    lostFilesWitnessed: 0,
    filesFromCheckpoints: 0,
    refusedHints: 0,
    falseHints: 0,
    commitStalls: 0,
    commitsSlowed: 0,
    quorumLosses: 0,
    abdicationsClockLost: 0,
    abdicationsRepairStuck: 0,
    congestions: 0,
    packetsCongested: 0,
    packetsLostByCommand: 0,
    grayFailures: 0,
    graySlow: 0,
    grayIntermittent: 0,
    graySendOnly: 0,
    grayReceiveOnly: 0,
    grayFrozen: 0,
    clockSteps: 0,
    clockStepsBack: 0,
    tenants: 0,
    mutationsApplied: 0,
    liesDelivered: 0,
    liesRejected: 0,
    liesRejectedPermille: 0,
    liesBelieved: 0,
    wrongAnswersAfterLies: 0,
    staleAnswers: 0,
    divergencesFound: 0,
    stopsUnexplained: 0,
    standstills: 0,
    liarsDenied: 0,
    liesNoticed: 0,
    graySlowDisk: 0,
    lateCommits: 0,
    clockAgreements: 0,
    heartbeats: 0,
    crashesAtEvents: 0,
    partitionsIsolatePrimary: 0,
    partitionsMultiGroup: 0,
    partitionsSingleLink: 0,
    partitionsBridge: 0,
    partitionsRing: 0,
    historiesJudged: 0,
    historiesUndecided: 0,
    unrecoverable: 0,
    witnessMissing: 0,
  };
}

/** Adds the second to the first; shares are those of the sums. */
export function addTotals(sum: Totals, other: Totals): void {
  for (const name of Object.keys(sum)) {
    if (RATIO_NAMES.has(name)) continue;
    const key = name as keyof Totals; // SAFETY: a key of the record itself.
    sum[key] += other[key];
  }
  Object.assign(
    sum,
    ratiosOf((name) => sum[name]),
  );
}
