import { STATUS_CODES, snake } from '@kimberlite/vsr';
import type { Histogram, Instruments, LabelledCounter } from './instruments.ts';
import type { StatusRecord } from './status.ts';

/**
 * The Prometheus text format, one name for one thing. docs/metrics.md lists every series with its
 * help text; a test compares the two.
 */
export function metricsText(status: StatusRecord, instruments: Instruments): string {
  const text = new MetricsText();
  writeIdentity(text, status);
  writeState(text, status);
  writeProcess(text, status);
  text.gauge(
    'vsr_backup_last_success_timestamp_seconds',
    'When a backup was last sent whole, in seconds since 1970; 0 for never since the start.',
    [['', instruments.backupLastSuccess()]],
  );
  writeCounters(text, instruments);
  text.counter(
    'vsr_timeouts_total',
    'Timers that fired and limits that were exceeded.',
    'timeout',
    Object.entries(status.state.timeouts).map(([name, count]) => [snake(name), count] as const),
  );
  text.histogram(
    'vsr_wal_fsync_duration_seconds',
    'Durable writes of the log and the superblock, from being asked for to being on the disk.',
    instruments.walSeconds,
  );
  text.histogram(
    'vsr_storage_write_duration_seconds',
    'Other writes of the data file: blocks of checkpoints, and zeros where it grows.',
    instruments.writeSeconds,
  );
  text.histogram(
    'vsr_storage_read_duration_seconds',
    'Reads of the data file, from being asked for to being answered.',
    instruments.readSeconds,
  );
  text.histogram(
    'vsr_tick_delay_seconds',
    'How late the ticks of the replica came: stalls of the event loop.',
    instruments.tickDelaySeconds,
  );
  return text.toString();
}

function writeIdentity(text: MetricsText, status: StatusRecord): void {
  text.gauge('vsr_build_info', 'Always 1; the labels say what runs.', [
    [`version="${status.version}",node="${process.version}"`, 1],
  ]);
  text.gauge(
    'vsr_replica_status',
    '1 for the status that the replica is in, 0 for the others.',
    Object.keys(STATUS_CODES).map((name) => [
      `status="${name}"`,
      status.state.status === name ? 1 : 0,
    ]),
  );
  text.gauge(
    'vsr_peer_connected',
    '1 for each peer that this replica reaches.',
    status.peers.map((peer) => [`peer="${peer.slot}"`, peer.outgoing ? 1 : 0]),
  );
}

type Gauge = readonly [name: string, help: string, value: number];

function writeState(text: MetricsText, status: StatusRecord): void {
  const { state } = status;
  const gauges: readonly Gauge[] = [
    ['vsr_is_primary', '1 on the primary of the view.', state.isPrimary ? 1 : 0],
    ['vsr_view', 'Number of the view.', state.view],
    ['vsr_log_view', 'Newest view whose log this replica has.', state.logView],
    ['vsr_op_number', 'Newest op in the log.', state.op],
    [
      'vsr_commit_number',
      'Newest op that this replica knows to be committed, executed here or not.',
      state.commitMax,
    ],
    [
      'vsr_applied_number',
      'Newest op that this replica has executed; COMMIT of `kimberlite status`.',
      state.commitMin,
    ],
    ['vsr_checkpoint_op', 'Op of the durable checkpoint.', state.checkpointOp],
    [
      'vsr_denied_by_peers',
      'Peers that deny the data file: while there is one, the replica takes part in nothing.',
      state.deniedBy.length,
    ],
    ['vsr_syncing', '1 while a checkpoint is loaded from peers.', state.syncing ? 1 : 0],
    [
      'vsr_clock_synchronized',
      '1 while enough clocks of the cluster agree.',
      state.clockSynchronized ? 1 : 0,
    ],
    ['vsr_pipeline_depth', 'Prepares of the primary that are not committed.', state.pipelineLength],
    ['vsr_queue_depth', 'Requests that wait at the primary.', state.queueLength],
    ['vsr_queries_waiting', 'Reads that wait for a confirmation or an op.', state.queries],
    [
      'vsr_queries_for_blocks',
      'Of those, the ones that wait for blocks of the disk.',
      state.queriesForBlocks,
    ],
    [
      'vsr_queries_for_room',
      'Reads that wait until others hold fewer blocks.',
      state.queriesForRoom,
    ],
    [
      'vsr_blocks_held_bytes',
      'Blocks that requests and reads hold in memory, or wait for.',
      state.claimedBytes,
    ],
    ['vsr_blocks_cached_bytes', 'Blocks in memory, held or not.', state.cachedBytes],
    ['vsr_sessions', 'Client sessions that are open.', state.sessions],
    [
      'vsr_journal_dirty',
      'Ops above the checkpoint whose prepares are not on this disk.',
      state.journalDirty,
    ],
    ['vsr_journal_faulty', 'Of those, the ones that cannot be read.', state.journalFaulty],
    [
      'vsr_blocks_missing',
      'Blocks of the checkpoint that are not on this disk, as far as is known.',
      state.blocksMissing,
    ],
    [
      'vsr_scrub_progress_ratio',
      'Part of the present scrub tour that is done.',
      state.scrubProgress,
    ],
    ['vsr_scrub_tours_completed', 'Whole scrub tours since the start.', state.scrubTours],
    [
      'vsr_disk_hangs',
      '1 while the disk does nothing, with something asked of it.',
      state.diskHangs ? 1 : 0,
    ],
    [
      'vsr_quorum_seen',
      '1 while enough replicas are heard for the cluster to go on.',
      state.quorumSeen ? 1 : 0,
    ],
    [
      'vsr_voters_heard',
      'Replicas heard within two heartbeats that take part, this one included.',
      state.votersHeard,
    ],
    [
      'vsr_commit_stalled',
      '1 while commits stand still at the primary, and requests are turned away.',
      state.commitStalled ? 1 : 0,
    ],
    [
      'vsr_commit_pause_seconds',
      "Pause between prepares at the primary, for a voter that can't keep up.",
      state.commitPauseMillis / 1000,
    ],
    [
      'vsr_repair_budget_available',
      'Repair requests that may still be sent to peers.',
      state.repairSlots,
    ],
    ['vsr_repair_inflight', 'Repair requests that wait for an answer.', state.repairsInFlight],
    [
      'vsr_round_trip_seconds',
      'Round trip to a quorum, smoothed; timeouts follow it.',
      state.roundTripMillis / 1000,
    ],
  ];
  for (const [name, help, value] of gauges) text.gauge(name, help, [['', value]]);
}

function writeProcess(text: MetricsText, status: StatusRecord): void {
  const gauges: readonly Gauge[] = [
    ['vsr_client_connections', 'Open connections of clients.', status.clientConnections],
    ['vsr_storage_bytes', 'Size of the data file.', status.dataFile.bytes],
    [
      'vsr_storage_waiting_bytes',
      'Blocks that wait to be written because the file system is full; 0 while it is not.',
      status.dataFile.waitingBytes,
    ],
    [
      'vsr_state_bytes_max',
      'Limit of what the state may take, as chosen at format; 0 for none.',
      status.stateSize.bytesMax,
    ],
    ['process_uptime_seconds', 'Time since the replica was started.', status.uptimeSeconds],
    ['process_resident_memory_bytes', 'Resident memory of the process.', process.memoryUsage.rss()],
  ];
  for (const [name, help, value] of gauges) text.gauge(name, help, [['', value]]);
  const { bytes, refusals } = status.stateSize;
  text.gauge(
    'vsr_state_bytes',
    'What the state takes of that limit; no sample before the first request since the start.',
    bytes === null ? [] : [['', bytes]],
  );
  text.counter('vsr_state_refusals_total', 'Calls that the state had no room for.', 'reason', [
    ['no_space', refusals],
  ]);
}

interface Counter {
  readonly name: string;
  readonly help: string;
  readonly label: string;
  readonly of: (instruments: Instruments) => LabelledCounter;
}

const COUNTERS: readonly Counter[] = [
  {
    name: 'vsr_messages_received_total',
    help: 'Messages that arrived whole and intact.',
    label: 'command',
    of: (instruments) => instruments.messagesReceived,
  },
  {
    name: 'vsr_messages_sent_total',
    help: 'Messages handed to a connection.',
    label: 'command',
    of: (instruments) => instruments.messagesSent,
  },
  {
    name: 'vsr_bytes_received_total',
    help: 'Bytes of the messages received.',
    label: 'command',
    of: (instruments) => instruments.bytesReceived,
  },
  {
    name: 'vsr_bytes_sent_total',
    help: 'Bytes of the messages sent.',
    label: 'command',
    of: (instruments) => instruments.bytesSent,
  },
  {
    name: 'vsr_messages_dropped_total',
    help: 'Not sent for want of a connection or of room, not taken, or ignored by the protocol.',
    label: 'reason',
    of: (instruments) => instruments.messagesDropped,
  },
  {
    name: 'vsr_frame_faults_total',
    help: 'Arrivals that were no message of this version; the connection was closed.',
    label: 'reason',
    of: (instruments) => instruments.frameFaults,
  },
  {
    name: 'vsr_refusals_total',
    help: 'Requests and reads of clients that this replica refused, before it did anything for them.',
    label: 'reason',
    of: (instruments) => instruments.refusals,
  },
  {
    name: 'vsr_rejections_sent_total',
    help: 'Connections that this replica refused or closed, and said why.',
    label: 'reason',
    of: (instruments) => instruments.rejectionsSent,
  },
  {
    name: 'vsr_rejections_received_total',
    help: 'Connections that a peer refused or closed, and said why.',
    label: 'reason',
    of: (instruments) => instruments.rejectionsReceived,
  },
  {
    name: 'vsr_events_total',
    help: 'Events of the protocol, as they stand in traces.',
    label: 'kind',
    of: (instruments) => instruments.events,
  },
  {
    name: 'vsr_requests_total',
    help: 'Requests in committed ops that this replica executed or passed over.',
    label: 'result',
    of: (instruments) => instruments.requests,
  },
  {
    name: 'vsr_queries_total',
    help: 'Reads that this replica answered without a place in the log.',
    label: 'level',
    of: (instruments) => instruments.queries,
  },
  {
    name: 'vsr_view_changes_total',
    help: 'Votes of this replica to leave a view; one view change takes votes of several.',
    label: 'reason',
    of: (instruments) => instruments.viewChanges,
  },
  {
    name: 'vsr_corruptions_detected_total',
    help: 'Places of the data file that were not what was written there.',
    label: 'zone',
    of: (instruments) => instruments.corruptions,
  },
  {
    name: 'vsr_scrub_corruptions_detected_total',
    help: 'Of those, the ones that scrubbing came upon.',
    label: 'zone',
    of: (instruments) => instruments.scrubFindings,
  },
  {
    name: 'vsr_repairs_total',
    help: 'Parts of the log or of a checkpoint that came from peers, and copies that were written again.',
    label: 'what',
    of: (instruments) => instruments.repairs,
  },
  {
    name: 'vsr_session_evictions_total',
    help: 'Sessions that ended because a new one needed the room.',
    label: 'reason',
    of: (instruments) => instruments.evictions,
  },
  {
    name: 'vsr_storage_io_bytes_total',
    help: 'Bytes read from and written to the data file, in whole sectors.',
    label: 'kind',
    of: (instruments) => instruments.ioBytes,
  },
  {
    name: 'vsr_storage_growths_total',
    help: 'Times that the data file was to grow: it has grown, or there was no room.',
    label: 'result',
    of: (instruments) => instruments.growths,
  },
  {
    name: 'vsr_log_lines_dropped_total',
    help: 'Lines of the log that could not be written.',
    label: 'reason',
    of: (instruments) => instruments.logLinesDropped,
  },
  {
    name: 'vsr_backups_total',
    help: 'Backups that were asked for, by what came of them.',
    label: 'result',
    of: (instruments) => instruments.backups,
  },
  {
    name: 'vsr_backup_bytes_total',
    help: 'Bytes of the state and the log read for backups: in turn, or early, before a write there.',
    label: 'read',
    of: (instruments) => instruments.backupBytes,
  },
];

function writeCounters(text: MetricsText, instruments: Instruments): void {
  for (const { name, help, label, of } of COUNTERS)
    text.counter(name, help, label, of(instruments).entries());
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

  counter(
    name: string,
    help: string,
    label: string,
    entries: readonly (readonly [string, number])[],
  ): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} counter`);
    for (const [value, count] of entries) {
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
