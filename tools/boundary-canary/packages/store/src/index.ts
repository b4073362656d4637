import { vsr } from '../../vsr/src/index.ts'; // EXPECT direction-store no-cycles

export const store: string = vsr;
