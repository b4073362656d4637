import { store } from '../../store/src/index.ts'; // EXPECT direction-cli

export const cli: string = store;
