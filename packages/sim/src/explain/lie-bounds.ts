import { COMMANDS, DROP_REASONS } from '@kimberlite/vsr';
import type { Expectation, Mutation } from '../byzantine/mutation.ts';
import { isRecord } from './bundle-fields.ts';

/** Every mutation, with the numbers that it takes, and the least of each. */
const MUTATIONS: Readonly<Record<Mutation['kind'], Readonly<Record<string, number>>>> = {
  inflate_commit: { by: 1 },
  commit_everything: {},
  truncate_tail: { left: 0 },
  conflicting_tail: {},
  shift_op: { by: 1 },
  lower_op: { by: 1 },
  fork: {},
  fork_each: {},
  lower_view: { by: 1 },
  corrupt_checksum: {},
  duplicate: { times: 1 },
  raise_log_view: {},
  claim_present: {},
  deny_all: {},
  oversized_tail: {},
  invalid_request: {},
  invalid_range: {},
  false_ack: {},
  false_confirmation: {},
  unasked: {},
  other_checkpoint: {},
  deny_file: {},
  random_field: {},
  two_names: {},
  other_cluster: {},
  tamper_body: {},
  composite: {},
};

const EXPECTATIONS: Readonly<Record<Expectation, true>> = {
  promises_kept: true,
  stale_answers: true,
  divergence_found: true,
  stands_still: true,
  liar_stops: true,
};

const NUMBERS_MAX = 1_000_000;
const PATH = 'options.byzantine';

/** Why nobody can tell such lies, or null. They come from a file, so of any shape. */
export function liesFault(lies: unknown, replicaCount: number): string | null {
  if (lies === null) return null;
  if (!isRecord(lies)) return `${PATH} must be an object or null`;
  const { liar, signs, rules, rejections, expects, strayOp } = lies;
  const slots = replicaCount - 1;
  if (!isCount(liar, 0, slots)) return `${PATH}.liar must be a replica, from 0 to ${slots}`;
  if (signs !== undefined && !isCount(signs, 0, slots)) {
    return `${PATH}.signs must be a replica, from 0 to ${slots}`;
  }
  if (strayOp !== undefined && !isCount(strayOp, 1, NUMBERS_MAX)) {
    return `${PATH}.strayOp must be an op from 1 to ${NUMBERS_MAX}`;
  }
  if (!isNameIn(EXPECTATIONS, expects)) return `${PATH}.expects '${String(expects)}' is unknown`;
  if (!Array.isArray(rejections)) return `${PATH}.rejections must be a list`;
  const strange = rejections.find((reason) => !isNameIn(DROP_REASONS, reason));
  if (strange !== undefined) return `${PATH}.rejections: '${String(strange)}' is unknown`;
  if (!Array.isArray(rules)) return `${PATH}.rules must be a list`;
  return firstFault(rules, (rule, at) => ruleFault(rule, `${PATH}.rules[${at}]`, slots));
}

function ruleFault(rule: unknown, path: string, slots: number): string | null {
  if (!isRecord(rule)) return `${path} must be an object`;
  const { command, from, to, probability, mutation, deliver } = rule;
  if (command !== 'any' && !isNameIn(COMMANDS, command)) {
    return `${path}.command '${String(command)}' is unknown`;
  }
  if (from !== null && !isCount(from, 0, slots)) return `${path}.from must be a replica, or null`;
  if (to !== null && !(Array.isArray(to) && to.every((slot) => isCount(slot, 0, slots)))) {
    return `${path}.to must be a list of replicas, or null`;
  }
  if (typeof probability !== 'number' || !(probability >= 0 && probability <= 1)) {
    return `${path}.probability must be a number from 0 to 1, not ${String(probability)}`;
  }
  if (typeof deliver !== 'boolean') return `${path}.deliver must be true or false`;
  return mutationFault(mutation, `${path}.mutation`);
}

function mutationFault(mutation: unknown, path: string): string | null {
  if (!isRecord(mutation)) return `${path} must be an object`;
  const { kind, mutations } = mutation;
  if (!isNameIn(MUTATIONS, kind)) return `${path}.kind '${String(kind)}' is unknown`;
  for (const [name, least] of Object.entries(MUTATIONS[kind])) {
    if (isCount(mutation[name], least, NUMBERS_MAX)) continue;
    return `${path}.${name} must be a whole number from ${least} to ${NUMBERS_MAX}`;
  }
  if (kind !== 'composite') return null;
  if (!Array.isArray(mutations)) return `${path}.mutations must be a list`;
  return firstFault(mutations, (each, at) => mutationFault(each, `${path}.mutations[${at}]`));
}

function firstFault(
  list: readonly unknown[],
  faultOf: (value: unknown, at: number) => string | null,
): string | null {
  for (const [at, value] of list.entries()) {
    const fault = faultOf(value, at);
    if (fault !== null) return fault;
  }
  return null;
}

function isNameIn<T extends object>(table: T, name: unknown): name is Extract<keyof T, string> {
  return typeof name === 'string' && Object.hasOwn(table, name);
}

function isCount(value: unknown, least: number, most: number): boolean {
  return (
    typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most
  );
}
