import { readFileSync } from 'node:fs'; // EXPECT pure-imports-no-host
import { store } from '../../store/src/index.ts';
import { kernel } from '../../kernel/src/index.ts'; // EXPECT direction-vsr

export const vsr: string = store + kernel + readFileSync('x', 'utf8');
