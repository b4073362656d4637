import { cpus } from 'node:os'; // EXPECT pure-imports-no-host
import { server } from '../../server/src/index.ts'; // EXPECT direction-sim

export const sim: string = server + cpus().length;
