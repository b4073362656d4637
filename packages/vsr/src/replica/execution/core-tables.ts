import type { TableOptions } from '@kimberlite/store';
import { TABLE_REPLACED_FILES } from '../members/replaced-files.ts';
import { TABLE_REPLIES, TABLE_SESSIONS } from './sessions.ts';

/** The tables of the core, as a forest needs them. */
export const CORE_TABLES: readonly TableOptions[] = [
  { id: TABLE_SESSIONS, name: 'sessions', combine: null },
  { id: TABLE_REPLACED_FILES, name: 'members', combine: null },
  { id: TABLE_REPLIES, name: 'replies', combine: null },
];
