import type { TraceEvent, TracePort } from '@kimberlite/vsr';
import { hex128 } from '../hex128.ts';
import type { Instruments } from './instruments.ts';
import type { LogFields, Logger, LogLevel } from './logger.ts';

interface Line {
  readonly level: LogLevel;
  readonly msg: string;
  readonly fields: LogFields;
}

/**
 * Turns what the replica tells into counters and log lines. What happens at every op is only
 * counted: a line for it would cost more than the op. Bodies and replies are never looked at.
 */
export class TraceLog implements TracePort {
  readonly #logger: Logger;
  readonly #instruments: Instruments;

  constructor(logger: Logger, instruments: Instruments) {
    this.#logger = logger;
    this.#instruments = instruments;
  }

  trace(event: TraceEvent): void {
    this.#instruments.events.add(event.kind);
    this.#count(event);
    const line = lineOf(event);
    if (line !== null) this.#logger.log(line.level, 'replica', line.msg, line.fields);
  }

  #count(event: TraceEvent): void {
    const { requests, queries, viewChanges, corruptions, repairs, evictions, messagesDropped } =
      this.#instruments;
    switch (event.kind) {
      case 'executed':
        requests.add(event.outcome);
        return;
      case 'queried':
        queries.add(event.level);
        return;
      case 'vote':
        viewChanges.add(event.reason);
        return;
      case 'corrupt':
        corruptions.add(event.what);
        if (event.found === 'scrub') this.#instruments.scrubFindings.add(event.what);
        return;
      case 'repaired':
        repairs.add(event.what);
        return;
      case 'session_evicted':
        evictions.add('limit');
        return;
      case 'dropped':
        messagesDropped.add(event.reason);
        return;
      default:
    }
  }
}

function lineOf(event: TraceEvent): Line | null {
  switch (event.kind) {
    case 'started': {
      const { status, op, view } = event;
      return { level: 'info', msg: 'replica started', fields: { status, op, view } };
    }
    case 'recovered': {
      const { peer, op } = event;
      return { level: 'warn', msg: 'a peer has another data file', fields: { peer, op } };
    }
    case 'denied': {
      const { peer, reason } = event;
      return { level: 'error', msg: 'a peer denies this data file', fields: { peer, reason } };
    }
    case 'denial_withdrawn':
      return { level: 'warn', msg: 'a peer denies no longer', fields: { peer: event.peer } };
    case 'greeted':
      return { level: 'debug', msg: 'greeted by a peer', fields: { peer: event.peer } };
    case 'view_raised': {
      const { peer, view } = event;
      return { level: 'info', msg: 'begins in no view below a peer', fields: { peer, view } };
    }
    case 'checkpoint_conflict': {
      const { peer, op } = event;
      const fields = { peer, op, id: hex128(event.own), peer_id: hex128(event.theirs) };
      return { level: 'error', msg: 'the state of a peer differs', fields };
    }
    case 'status': {
      const { from, to, view } = event;
      return { level: 'info', msg: 'status changed', fields: { from, status: to, view } };
    }
    case 'primary': {
      const { view, op, commit } = event;
      return { level: 'info', msg: 'became primary', fields: { view, op, commit } };
    }
    case 'vote': {
      const { view, reason } = event;
      return { level: 'warn', msg: 'votes to leave the view', fields: { view, reason } };
    }
    case 'truncated': {
      const { op, from, view } = event;
      return { level: 'info', msg: 'uncommitted ops given up', fields: { op, from, view } };
    }
    case 'checkpoint_durable': {
      const { op } = event;
      return { level: 'info', msg: 'checkpoint durable', fields: { op, id: hex128(event.id) } };
    }
    case 'corrupt': {
      const { what, place, found } = event;
      return { level: 'warn', msg: 'corruption found', fields: { what, place, found } };
    }
    case 'scrub_tour': {
      const { tours, findings } = event;
      // A small file is toured every few seconds; `vsr_scrub_tours_completed` counts them.
      const level = findings === 0 ? 'debug' : 'warn';
      return { level, msg: 'scrub tour completed', fields: { tours, findings } };
    }
    case 'sync_started': {
      const { op, target } = event;
      return { level: 'warn', msg: 'state transfer started', fields: { op, target } };
    }
    case 'sync_finished':
      return { level: 'info', msg: 'state transfer finished', fields: { op: event.op } };
    case 'abdicated': {
      const { view, reason } = event;
      return { level: 'warn', msg: 'primary gives way', fields: { view, reason } };
    }
    case 'abdication_withdrawn':
      return { level: 'info', msg: 'primary goes on', fields: { view: event.view } };
    case 'disk_hangs':
      return { level: 'warn', msg: 'the disk does nothing', fields: { work: event.work } };
    case 'disk_goes_on':
      return { level: 'info', msg: 'the disk goes on', fields: { work: event.work } };
    case 'commit_stalled': {
      const { view, commit, waiting } = event;
      return { level: 'warn', msg: 'commits stand still', fields: { view, commit, waiting } };
    }
    case 'commit_resumed': {
      const { view, commit } = event;
      return { level: 'info', msg: 'commits go on', fields: { view, commit } };
    }
    case 'commits_slowed': {
      const { view, voter, lag } = event;
      return { level: 'warn', msg: 'commits are slowed', fields: { view, voter, lag } };
    }
    case 'commits_unslowed':
      return { level: 'info', msg: 'commits are slowed no more', fields: { view: event.view } };
    case 'quorum':
      return {
        level: event.seen ? 'info' : 'warn',
        msg: event.seen ? 'a quorum is there' : 'no quorum is heard',
        fields: { heard: event.heard },
      };
    case 'peer_refused':
      return { level: 'warn', msg: 'a peer seems to have died', fields: { peer: event.peer } };
    case 'clock':
      return {
        level: 'info',
        msg: event.synchronized ? 'clocks agree' : 'clocks do not agree',
        fields: {},
      };
    case 'repaired':
      return { level: 'debug', msg: 'repaired', fields: { what: event.what, op: event.op } };
    case 'dropped': {
      const { command, reason, from } = event;
      return { level: 'debug', msg: 'message dropped', fields: { command, reason, peer: from } };
    }
    case 'session_evicted':
      return { level: 'info', msg: 'session evicted', fields: { op: event.op } };
    case 'view_durable': {
      const { view, logView } = event;
      return { level: 'debug', msg: 'view durable', fields: { view, log_view: logView } };
    }
    case 'acknowledged':
    case 'execution_waits':
    case 'prepared':
    case 'committed':
    case 'executed':
    case 'queried':
    case 'wal_wrapped':
      return null;
  }
}
