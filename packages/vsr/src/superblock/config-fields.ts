import { readU64, writeU64 } from '@kimberlite/store';
import { type ClusterConfig, configFault } from '../config.ts';

/** Where each size stands: a little-endian u32, the last two a u64. */
type ConfigOffsets = Readonly<Record<keyof ClusterConfig, number>>;

/** Writes the sizes of a cluster where the offsets say; `readConfig` reads them. */
export function writeConfig(view: DataView, offset: ConfigOffsets, config: ClusterConfig): void {
  view.setUint32(offset.messageSizeMax, config.messageSizeMax, true);
  view.setUint32(offset.walSlots, config.walSlots, true);
  view.setUint32(offset.pipelineMax, config.pipelineMax, true);
  view.setUint32(offset.checkpointInterval, config.checkpointInterval, true);
  view.setUint32(offset.blockSize, config.blockSize, true);
  view.setUint32(offset.sessionsMax, config.sessionsMax, true);
  writeU64(view, offset.stateBytesMax, config.stateBytesMax);
  writeU64(view, offset.historyRevisions, config.historyRevisions);
}

/** Null when no cluster can have these sizes. */
export function readConfig(view: DataView, offset: ConfigOffsets): ClusterConfig | null {
  const config: ClusterConfig = {
    messageSizeMax: view.getUint32(offset.messageSizeMax, true),
    walSlots: view.getUint32(offset.walSlots, true),
    pipelineMax: view.getUint32(offset.pipelineMax, true),
    checkpointInterval: view.getUint32(offset.checkpointInterval, true),
    blockSize: view.getUint32(offset.blockSize, true),
    sessionsMax: view.getUint32(offset.sessionsMax, true),
    stateBytesMax: readU64(view, offset.stateBytesMax),
    historyRevisions: readU64(view, offset.historyRevisions),
  };
  return configFault(config) === null ? config : null;
}
