import { header } from '../../vsr/src/message/header.ts'; // EXPECT only-index-across-packages
import { z } from 'zod'; // EXPECT pure-imports-no-host no-undeclared-npm

export const kernel: string = header + String(z);
