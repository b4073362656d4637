import type { Histogram, Instruments, LabelledCounter } from './instruments.ts';
import type { StatusRecord } from './status.ts';

const STATUSES = ['recovering', 'normal', 'view_change', 'recovering_head'] as const;

/** The Prometheus text format, one name for one thing (docs/configuration.md lists the port). */
export function metricsText(status: StatusRecord, instruments: Instruments): string {
  const text = new MetricsText();
  writeState(text, status);
  writeCounters(text, instruments);
  text.histogram(
    'vsr_wal_fsync_duration_seconds',
    'Durable writes of the data file, from being asked for to being on disk.',
    instruments.writeSeconds,
  );
  text.histogram(
    'vsr_storage_read_duration_seconds',
    'Reads of the data file.',
    instruments.readSeconds,
  );
  text.histogram(
    'vsr_tick_delay_seconds',
    'How late the ticks of the replica came: stalls of the event loop.',
    instruments.tickDelaySeconds,
  );
  return text.toString();
}

function writeState(text: MetricsText, status: StatusRecord): void {
  const { state } = status;
  text.gauge('vsr_build_info', 'Constant 1; the labels say what runs.', [
    [`version="${status.version}",node="${process.version}"`, 1],
  ]);
  text.gauge(
    'vsr_replica_status',
    '1 for the status that the replica is in.',
    STATUSES.map((name) => [`status="${name}"`, state.status === name ? 1 : 0]),
  );
  const gauges: readonly (readonly [string, string, number])[] = [
    ['vsr_is_primary', '1 on the primary.', state.isPrimary ? 1 : 0],
    ['vsr_view', 'View number.', state.view],
    ['vsr_log_view', 'View whose log this is.', state.logView],
    ['vsr_op_number', 'Newest op in the log.', state.op],
    ['vsr_commit_number', 'Newest op known to be committed.', state.commitMax],
    ['vsr_applied_number', 'Newest op executed here.', state.commitMin],
    ['vsr_checkpoint_op', 'Op of the durable checkpoint.', state.checkpointOp],
    ['vsr_syncing', '1 during a state transfer.', state.syncing ? 1 : 0],
    ['vsr_clock_synchronized', '1 while the clocks agree.', state.clockSynchronized ? 1 : 0],
    ['vsr_pipeline_depth', 'Prepares not committed.', state.pipelineLength],
    ['vsr_queue_depth', 'Requests that wait for the pipeline.', state.queueLength],
    ['vsr_sessions', 'Client sessions.', state.sessions],
    ['vsr_journal_dirty', 'Log entries not on disk here.', state.journalDirty],
    ['vsr_journal_faulty', 'Log entries lost to corruption.', state.journalFaulty],
    ['vsr_client_connections', 'Open client connections.', status.clientConnections],
    ['vsr_storage_bytes', 'Size of the data file.', status.dataFile.bytes],
    ['process_uptime_seconds', 'Seconds since the start.', status.uptimeSeconds],
    ['process_resident_memory_bytes', 'Resident memory.', process.memoryUsage.rss()],
  ];
  for (const [name, help, value] of gauges) text.gauge(name, help, [['', value]]);
  text.gauge(
    'vsr_peer_connected',
    '1 for each peer that is reached.',
    status.peers.map((peer) => [`peer="${peer.slot}"`, peer.outgoing ? 1 : 0]),
  );
}

function writeCounters(text: MetricsText, instruments: Instruments): void {
  const counters: readonly (readonly [string, string, string, LabelledCounter])[] = [
    ['vsr_messages_received_total', 'Messages received.', 'command', instruments.messagesReceived],
    ['vsr_messages_sent_total', 'Messages sent.', 'command', instruments.messagesSent],
    ['vsr_bytes_received_total', 'Bytes received.', 'command', instruments.bytesReceived],
    ['vsr_bytes_sent_total', 'Bytes sent.', 'command', instruments.bytesSent],
    ['vsr_messages_dropped_total', 'Messages dropped.', 'reason', instruments.messagesDropped],
    ['vsr_frame_faults_total', 'Connections cut.', 'reason', instruments.frameFaults],
    ['vsr_rejections_sent_total', 'Greetings refused here.', 'reason', instruments.rejectionsSent],
    [
      'vsr_rejections_received_total',
      'Greetings refused by others.',
      'reason',
      instruments.rejectionsReceived,
    ],
    ['vsr_events_total', 'Protocol events.', 'kind', instruments.events],
    ['vsr_requests_total', 'Requests decided.', 'result', instruments.requests],
    ['vsr_view_changes_total', 'Votes to leave a view.', 'reason', instruments.viewChanges],
    ['vsr_corruptions_detected_total', 'Rotten reads.', 'zone', instruments.corruptions],
    ['vsr_repairs_total', 'Parts repaired from peers.', 'what', instruments.repairs],
    ['vsr_session_evictions_total', 'Sessions ended.', 'reason', instruments.evictions],
    ['vsr_storage_io_bytes_total', 'Bytes of disk I/O.', 'kind', instruments.ioBytes],
  ];
  for (const [name, help, label, counter] of counters) text.counter(name, help, label, counter);
}

class MetricsText {
  readonly #lines: string[];

  constructor() {
    this.#lines = [];
  }

  gauge(name: string, help: string, samples: readonly (readonly [string, number])[]): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`);
    for (const [labels, value] of samples) {
      this.#lines.push(`${name}${labels === '' ? '' : `{${labels}}`} ${value}`);
    }
  }

  counter(name: string, help: string, label: string, counter: LabelledCounter): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} counter`);
    for (const [value, count] of counter.entries()) {
      this.#lines.push(`${name}{${label}="${value}"} ${count}`);
    }
  }

  histogram(name: string, help: string, histogram: Histogram): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} histogram`);
    const cumulative = histogram.cumulative();
    histogram.bounds.forEach((bound, index) => {
      this.#lines.push(`${name}_bucket{le="${bound}"} ${cumulative[index]}`);
    });
    this.#lines.push(`${name}_bucket{le="+Inf"} ${cumulative.at(-1) ?? 0}`);
    this.#lines.push(`${name}_sum ${histogram.sum()}`, `${name}_count ${histogram.count()}`);
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}
