import type { NetworkOptions } from '../../network/network.ts';
import { OLD_FILES_OFTEN } from '../../run/old-files.ts';
import type { SimulationOptions } from '../../run/options.ts';
import { drawn, withReplicas } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** What peers say of a file comes again when it is an older copy, and stands by what they said. */
const LATE_PONGS: Partial<NetworkOptions> = {
  echoProbability: 0.5,
  echoMeanMicros: 3_000_000,
  echoCommands: ['pong'],
};

/** The old file has forgotten what the newest one promised. */
export const oldFiles: Scenario = {
  name: 'old_files',
  group: 'crash',
  purpose: 'a replica is started from an older copy of its own file',
  faults: 'one file at a time put back in the middle of all that is drawn; late pongs; no rot',
  workload: 'as drawn',
  property: 'peers that remember refuse it, and it promises nothing; a quorum goes on without it',
  witnesses: [{ counter: 'oldFilesRefused', least: 1 }],
  options: (seed) => options(withReplicas(drawn(seed), 3 + Number(seed % 4n)), seed),
};

function options(drawnOptions: SimulationOptions, seed: bigint): SimulationOptions {
  const { network } = drawnOptions;
  return {
    ...drawnOptions,
    network: seed % 8n < 4n ? network : { ...network, ...LATE_PONGS },
    // The one bad copy that the atlas leaves room for is that of the old file.
    atlas: { wal: false, blocks: false },
    introduced: true,
    oldFiles: seed % 3n === 0n ? { ...OLD_FILES_OFTEN, remedyProbability: 0 } : OLD_FILES_OFTEN,
  };
}
