import { type ReplicaSnapshot, snake, TICK_MICROS } from '@kimberlite/vsr';
import type { Happening, Observed } from '../cluster/observer.ts';
import { type DrawnFault, isAsked } from '../faults/fault-gate.ts';
import { GRAY_KINDS } from '../run/gray-faults.ts';
import { describeEvent, describeMessage } from './describe.ts';

/**
 * One line of a trace: tick, number of the event, the replica and what it is, its view/log_view,
 * head op, commit_min/commit_max and checkpoint, then what happened.
 */
export function traceLine(seen: Observed): string {
  const tick = String(Math.floor(seen.micros / TICK_MICROS)).padStart(6);
  const event = `#${seen.event}`.padEnd(8);
  const who = seen.slot === null ? '-'.padEnd(16) : `${seen.slot} ${seen.role.padEnd(14)}`;
  return `${tick} ${event} ${who} ${stateText(seen.state)}  ${happeningText(seen.what)}`;
}

const STATE_WIDTH = 40;

function stateText(state: ReplicaSnapshot | null): string {
  if (state === null) return ''.padEnd(STATE_WIDTH);
  const { view, logView, op, commitMin, commitMax, checkpointOp } = state;
  const numbers = `view ${view}/${logView} op ${op} commit ${commitMin}/${commitMax}`;
  return `${numbers} cp ${checkpointOp}`.padEnd(STATE_WIDTH);
}

/** What happened, without when and where. */
export function happeningText(what: Happening): string {
  switch (what.kind) {
    case 'message':
      return `${linkText(what)}  ${describeMessage(what.message)}`;
    case 'undecodable':
      return `${linkText(what)}  ${snake(what.command)} is no message: ${what.fault}`;
    case 'trace':
      return describeEvent(what.event);
    case 'process':
      return what.what.toUpperCase();
    case 'stopped':
      return `STOPPED ${what.reason}`;
    case 'stuck':
      return stuckText(what);
    case 'fault':
      return faultText(what.fault);
    case 'healed':
      return 'all links are whole';
    case 'note':
      return what.text;
  }
}

/** How a replica, or a core, stands that has not converged. */
function stuckText({ outside, lacks, waits }: Extract<Happening, { kind: 'stuck' }>): string {
  if (outside !== null) return `OUTSIDE the core: ${outside}`;
  const why = waits.length === 0 ? '' : ` (${waits.join(', ')})`;
  return `${lacks.length === 0 ? 'IN ORDER' : `STUCK ${lacks.join('; ')}`}${why}`;
}

/** From whom to whom, and whether it is a lie. */
function linkText({
  from,
  to,
  lie,
}: {
  readonly from: number;
  readonly to: number;
  readonly lie: string | null;
}): string {
  return `${from} > ${to}${lie === null ? '' : `  LIE ${lie}`}`;
}

/** A fault in a few words: its kind and ordinal, as minimised bundles name it, and where. */
export function faultText({ kind, ordinal, removed, place, otherPlace }: DrawnFault): string {
  const mark = removed ? 'WITHOUT ' : isAsked(kind) ? '' : 'FAULT ';
  return `${mark}${kind} ${ordinal}${faultPlace(kind, place, otherPlace)}`;
}

function faultPlace(kind: DrawnFault['kind'], place: number, otherPlace: number): string {
  switch (kind) {
    case 'loss':
    case 'overflow':
    case 'replay':
    case 'echo':
    case 'garble':
    case 'clog':
    case 'congestion':
    case 'mutation':
    case 'command_loss':
    case 'delivery':
      return `: ${place} > ${otherPlace}`;
    case 'hint':
      return `: replica ${place} of ${otherPlace}`;
    case 'partition':
      return `: ${nodesOf(place)} | ${nodesOf(otherPlace)}`;
    case 'read_fault':
    case 'write_fault':
    case 'latent_fault':
    case 'head_fault':
    case 'misdirect':
    case 'torn_write':
    case 'write_error':
    case 'dropped_write':
      return `: replica ${place}, sector ${otherPlace}`;
    case 'crash':
    case 'crash_at_event':
    case 'lost_disk':
    case 'old_file':
    case 'disk_hang':
    case 'full_disk':
    case 'pause':
    case 'clock_step':
      return `: replica ${place}`;
    case 'gray':
      return `: replica ${place}, ${GRAY_KINDS[otherPlace] ?? 'well'}`;
    case 'client_crash':
    case 'request':
    case 'query':
      return `: client ${place}`;
    case 'power_cut':
      return ': all replicas';
  }
}

/** Nodes of a bit set, as a list. */
function nodesOf(bits: number): string {
  const nodes: number[] = [];
  for (let node = 0; 2 ** node <= bits; node += 1) {
    if (Math.floor(bits / 2 ** node) % 2 === 1) nodes.push(node);
  }
  return nodes.length === 0 ? 'nobody' : nodes.join(', ');
}
