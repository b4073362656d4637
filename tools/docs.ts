/**
 * Writes the parts of docs/protocol.md that come from the code:
 *
 *   npx node --conditions=@kimberlite/source tools/docs.ts
 *
 * A test compares them, so the page never says anything else than the code.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { withTables } from './docs/protocol-tables.ts';

const page = new URL('../docs/protocol.md', import.meta.url);
writeFileSync(page, withTables(readFileSync(page, 'utf8')));
