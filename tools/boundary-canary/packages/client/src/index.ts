import { z } from 'zod'; // EXPECT client-without-npm no-undeclared-npm
import { server } from '../../server/src/index.ts'; // EXPECT direction-client no-cycles

export const client: string = String(z) + server;
