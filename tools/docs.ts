/**
 * Writes the parts of docs/protocol.md, timeouts.md and metrics.md that come from the code, and the
 * codec of message headers, which comes from the tables of the protocol:
 *
 *   npx node --conditions=@kimberlite/source tools/docs.ts
 *
 * Tests compare them, so none of them ever says anything else.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { headerCodec } from './docs/header-codec.ts';
import { withParts } from './docs/markdown.ts';
import { METRICS_PARTS } from './docs/metrics-page.ts';
import { withTables } from './docs/protocol-tables.ts';
import { TIMEOUT_PARTS } from './docs/timeouts-page.ts';

// First: the rest is made with the codec, and wants to be made again where a message has changed.
const codec = headerCodec();
writeFileSync(new URL(`../${codec.path}`, import.meta.url), codec.text);
const protocol = new URL('../docs/protocol.md', import.meta.url);
writeFileSync(protocol, withTables(readFileSync(protocol, 'utf8')));
const timeouts = new URL('../docs/timeouts.md', import.meta.url);
writeFileSync(timeouts, withParts(readFileSync(timeouts, 'utf8'), TIMEOUT_PARTS));
const metrics = new URL('../docs/metrics.md', import.meta.url);
writeFileSync(metrics, withParts(readFileSync(metrics, 'utf8'), METRICS_PARTS));
