import { first } from './style.ts'; // EXPECT import/no-cycle

export const other: number = first;
