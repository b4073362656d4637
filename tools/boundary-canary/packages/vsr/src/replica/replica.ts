import { host } from '../host/host.ts'; // EXPECT core-knows-no-host

export const replica: string = host;
