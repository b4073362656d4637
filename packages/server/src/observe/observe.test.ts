import {
  type AnyMessage,
  type ClientId,
  COMMANDS,
  DROP_REASONS,
  Op,
  REJECTION_REASONS,
  View,
  VOTE_REASONS,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { isFault } from '../errors.ts';
import { NETWORK_DROP_REASONS } from '../network/drop-reasons.ts';
import type { PeerStatus } from '../network/peer-links.ts';
import { silentLogger } from '../testing/network-fixture.ts';
import { snapshot, statusRecord } from '../testing/status-fixture.ts';
import { listenHttp } from './http-listener.ts';
import { Histogram, Instruments, LabelledCounter } from './instruments.ts';
import { Logger } from './logger.ts';
import { metricsText } from './metrics-text.ts';
import { networkObserver } from './network-observer.ts';
import type { StatusRecord } from './status.ts';
import { TraceLog } from './trace-log.ts';

function peer(outgoing: boolean): PeerStatus {
  return { slot: 1, address: 'b:1', outgoing, incoming: false, problem: null };
}

function logLines(level: 'debug' | 'info'): { readonly lines: string[]; readonly logger: Logger } {
  const lines: string[] = [];
  const logger = new Logger({
    level,
    write: (line) => lines.push(line),
    now: () => 0,
    fixed: { cluster: (1n << 100n) + 1n, replica: 2 },
  });
  return { lines, logger };
}

describe('the log', () => {
  it('is one JSON object a line, with the fixed keys first', () => {
    const { lines, logger } = logLines('info');
    logger.debug('replica', 'not written');
    logger.info('replica', 'status changed', { view: 3, status: 'normal' });
    expect(lines).toEqual([
      '{"ts":"1970-01-01T00:00:00.000Z","level":"info","msg":"status changed",' +
        '"component":"replica","cluster":"1267650600228229401496703205377","replica":2,"view":3,"status":"normal"}\n',
    ]);
  });

  it('never shows what users store', () => {
    const { lines, logger } = logLines('debug');
    const trace = new TraceLog(logger, new Instruments());
    const secret = new TextEncoder().encode('secret');
    const checksum = 9n as never;
    const common = { op: Op(1), view: View(1), checksum };
    trace.trace({ kind: 'committed', ...common, timestamp: 1, count: 1, body: secret });
    trace.trace({
      kind: 'executed',
      op: Op(1),
      index: 0,
      client: 5n as ClientId,
      request: 1,
      operation: 16,
      outcome: 'executed',
      reply: secret,
    });
    trace.trace({ kind: 'primary', view: View(1), op: Op(1), commit: Op(0) });
    expect(lines.length).toBe(1);
    expect(lines.join('')).not.toContain('115,101');
  });
});

describe('instruments', () => {
  it('count by label, with an end to the number of labels', () => {
    const counter = new LabelledCounter();
    counter.add('b');
    counter.add('a', 3);
    counter.add('b');
    expect(counter.entries()).toEqual([
      ['a', 3],
      ['b', 2],
    ]);
    for (let label = 0; label < 500; label += 1) counter.add(`label${label}`);
    expect(counter.entries().length).toBeLessThan(200);
    expect(counter.total()).toBe(505);
  });

  it('put durations into buckets', () => {
    const histogram = new Histogram([1, 2, 4]);
    for (const value of [0.5, 1, 1.5, 4, 5, 100]) histogram.observe(value);
    expect(histogram.cumulative()).toEqual([2, 3, 4, 6]);
    expect(histogram.sum()).toBe(112);
    expect(histogram.quantile(0.5)).toBe(2);
    expect(histogram.quantile(1)).toBe(Number.POSITIVE_INFINITY);
    expect(new Histogram().quantile(0.99)).toBe(0);
  });
});

/** With every name that the tables of the program have for it. */
function countEverything(instruments: Instruments): void {
  const network = networkObserver(instruments);
  for (const command of keysOf(COMMANDS)) {
    if (command === 'reserved') continue; // Nobody sends it.
    // SAFETY: an observer looks at the command and at the number of bytes alone.
    network.onReceived({ header: { command }, bytes: new Uint8Array(1) } as AnyMessage);
    network.onSent(command, 1);
  }
  for (const reason of keysOf(NETWORK_DROP_REASONS)) network.onDropped(reason);
  for (const reason of keysOf(REJECTION_REASONS)) {
    network.onRejection('sent', reason);
    network.onRejection('received', reason);
  }
  const trace = new TraceLog(silentLogger, instruments);
  const view = View(1);
  for (const reason of keysOf(VOTE_REASONS)) trace.trace({ kind: 'vote', view, reason });
  for (const reason of keysOf(DROP_REASONS)) {
    trace.trace({ kind: 'dropped', command: 'prepare', reason, from: 1 });
  }
}

/** Samples of `Instruments`; the status record has the others. */
function counterSamples(instruments: Instruments): Map<string, number> {
  const text = metricsText(statusRecord(instruments), instruments);
  const own = text.replaceAll(/^vsr_(state_refusals|timeouts)_total.*$/gm, '');
  const samples = [...own.matchAll(/^(\w+_total\{.*\}) (\d+)$/gm)];
  return new Map(samples.map(([, name = '', value]) => [name, Number(value)]));
}

function keysOf<T extends object>(table: T): (keyof T)[] {
  return Object.keys(table) as (keyof T)[]; // SAFETY: tables have no other keys.
}

describe('metrics', () => {
  it('are Prometheus text, one value a name and label set', () => {
    const instruments = new Instruments();
    instruments.messagesSent.add('prepare', 4);
    instruments.walSeconds.observe(0.003);
    const text = metricsText(statusRecord(instruments), instruments);
    expect(text).toContain('vsr_view 16\n');
    expect(text).toContain('vsr_replica_status{status="normal"} 1\n');
    expect(text).toContain('vsr_replica_status{status="view_change"} 0\n');
    expect(text).toContain('vsr_messages_sent_total{command="prepare"} 4\n');
    expect(text).toContain('vsr_wal_fsync_duration_seconds_bucket{le="0.005"} 1\n');
    expect(text).toContain('vsr_wal_fsync_duration_seconds_bucket{le="0.002"} 0\n');
    const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    for (const line of samples) {
      expect(line).toMatch(/^[a-z_]+(\{[^{}]*\})? (\d+(\.\d+)?(e-?\d+)?|\+Inf)$/);
    }
    const names = samples.map((line) => line.slice(0, line.lastIndexOf(' ')));
    expect(new Set(names).size).toBe(names.length);
    const typed = text.split('\n').filter((line) => line.startsWith('# TYPE '));
    expect(new Set(typed).size).toBe(typed.length);
  });

  // Aim: an alert on the increase of a counter sees the first event too. Method: what is counted
  // adds no series to those of a process that has counted nothing.
  it('are there at zero before anything is counted', () => {
    const before = counterSamples(new Instruments());
    expect(new Set(before.values())).toEqual(new Set([0]));
    for (const sample of [
      'vsr_corruptions_detected_total{zone="block"}',
      'vsr_scrub_corruptions_detected_total{zone="superblock"}',
      'vsr_repairs_total{what="redundant_header"}',
      'vsr_storage_growths_total{result="refused"}',
      'vsr_backups_total{result="stalled"}',
      'vsr_backup_bytes_total{read="early"}',
      'vsr_view_changes_total{reason="slow_disk"}',
      'vsr_refusals_total{reason="no_quorum"}',
    ]) {
      expect(before.get(sample), sample).toBe(0);
    }
    const instruments = new Instruments();
    countEverything(instruments);
    expect([...counterSamples(instruments).keys()]).toEqual([...before.keys()]);
  });

  it('have labels in snake_case, whatever is counted', () => {
    const instruments = new Instruments();
    countEverything(instruments);
    const text = metricsText(statusRecord(instruments), instruments);
    const labels = [...text.matchAll(/[{,](\w+)="([^"]*)"/g)];
    const named = labels.filter(([, label = '']) => !['version', 'node', 'le'].includes(label));
    expect(named.length).toBeGreaterThan(150);
    for (const [, , value] of named) expect(value).toMatch(/^[a-z0-9_]+$/);
  });
});

describe('the HTTP listener', () => {
  it('serves probes, status, metrics and version, and nothing else', async () => {
    const instruments = new Instruments();
    let changes: Partial<StatusRecord> = {};
    const http = await listenHttp({
      address: { host: '127.0.0.1', port: 0 },
      status: () => statusRecord(instruments, changes),
      instruments,
      backup: { serve: () => Promise.resolve() },
    });
    if (isFault(http)) throw new Error(http.message);
    const base = `http://127.0.0.1:${http.address.port}`;
    const get = async (path: string): Promise<[number, string]> => {
      const response = await fetch(`${base}${path}`);
      return [response.status, await response.text()];
    };
    try {
      expect(await get('/livez')).toEqual([200, 'ok\n']);
      expect((await get('/readyz?verbose'))[0]).toBe(200);
      expect(JSON.parse((await get('/status'))[1])).toMatchObject({ state: { view: 16 } });
      expect((await get('/metrics'))[1]).toContain('vsr_op_number 12\n');
      expect(JSON.parse((await get('/version'))[1])).toMatchObject({ version: '0.1.0' });
      expect((await get('/nothing'))[0]).toBe(404);
      expect((await fetch(`${base}/status`, { method: 'POST', body: 'x' })).status).toBe(405);
      changes = { state: { ...snapshot, status: 'view_change' } };
      const [code, text] = await get('/readyz');
      expect(code).toBe(503);
      expect(text).toContain('[-]status_normal status is view_change');
      expect((await get('/livez'))[0]).toBe(200);
      // The connections stand, and nothing comes: what the core hears is what counts.
      changes = { state: { ...snapshot, quorumSeen: false, votersHeard: 1 } };
      expect(await get('/readyz')).toEqual([503, expect.stringContaining('[-]heard 1 replicas')]);
      expect(JSON.parse((await get('/status'))[1])).toMatchObject({
        state: { quorum_seen: false, voters_heard: 1 },
      });
      expect((await get('/metrics'))[1]).toMatch(/^vsr_quorum_seen 0$/m);
      const { dataFile } = statusRecord(instruments);
      changes = { dataFile: { ...dataFile, waitingBytes: 8192 } };
      expect(await get('/readyz')).toEqual([503, expect.stringContaining('[-]room the disk is')]);
      expect((await get('/metrics'))[1]).toMatch(/^vsr_storage_waiting_bytes 8192$/m);
      changes = {};
      expect((await get('/readyz'))[1]).toContain('[+]room ok');
      expect((await get('/readyz'))[1]).toContain('[+]heard ok');
      expect((await get('/metrics'))[1]).toMatch(/^vsr_quorum_seen 1$/m);
    } finally {
      http.close();
    }
  });

  // Of four replicas two commit, of six three: less than a majority.
  it.each([
    { replicaCount: 1, needed: 1 },
    { replicaCount: 2, needed: 2 },
    { replicaCount: 3, needed: 2 },
    { replicaCount: 4, needed: 2 },
    { replicaCount: 5, needed: 3 },
    { replicaCount: 6, needed: 3 },
  ])('is ready with $needed of $replicaCount replicas, not below', async (row) => {
    const { replicaCount, needed } = row;
    const instruments = new Instruments();
    let reached = 0;
    const http = await listenHttp({
      address: { host: '127.0.0.1', port: 0 },
      status: () => {
        const peers = Array.from({ length: replicaCount - 1 }, (_, index) => peer(index < reached));
        return statusRecord(instruments, { replicaCount, peers });
      },
      instruments,
      backup: { serve: () => Promise.resolve() },
    });
    if (isFault(http)) throw new Error(http.message);
    const codes: number[] = [];
    try {
      for (reached = 0; reached < replicaCount; reached += 1) {
        const response = await fetch(`http://127.0.0.1:${http.address.port}/readyz`);
        codes.push(response.status);
        await response.text();
      }
      expect(codes.indexOf(200) + 1).toBe(needed);
      expect(codes.lastIndexOf(503) + 2).toBe(needed);
    } finally {
      http.close();
    }
  });
});
