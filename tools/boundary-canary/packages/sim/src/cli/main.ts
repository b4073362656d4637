import { cpus } from 'node:os';

export const cores: number = cpus().length;
