/** What a disk did and suffered. */
export interface StorageCounts {
  writes: number;
  corruptReads: number;
  corruptReadsHealed: number;
  /** Sectors in which a checksum itself went bad, where that is asked for. */
  checksumsRotten: number;
  misdirected: number;
  latentFaults: number;
  /** Ops that rotted at the end of the log. */
  hiddenHeads: number;
  tornSectors: number;
  /** In flight at a crash, and lost by it. */
  lostWrites: number;
  /** That failed, and ended their process. */
  failed: number;
  /** Said to be done, and not stored. */
  dropped: number;
}

export function emptyStorageCounts(): StorageCounts {
  return {
    writes: 0,
    corruptReads: 0,
    corruptReadsHealed: 0,
    checksumsRotten: 0,
    misdirected: 0,
    latentFaults: 0,
    hiddenHeads: 0,
    tornSectors: 0,
    lostWrites: 0,
    failed: 0,
    dropped: 0,
  };
}
