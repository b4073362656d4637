import { setTimeout as pause } from 'node:timers/promises';
import { OperationClient } from '@kimberlite/client';
import {
  type BlockSource,
  type FileCalls,
  fileFault,
  formatAddress,
  formatDataFile,
  loadConfiguration,
  makeFault,
  type RunningReplica,
  randomU128,
  replayMachineOf,
  type ServerFault,
  startReplica,
} from '@kimberlite/server';
import {
  type AdoptedState,
  type ClusterConfig,
  mutualIntroductions,
  OPERATION_FORGET_FILES,
  OPERATION_NOOP,
  Op,
  SLOT_COUNT,
  StateMachineError,
  View,
} from '@kimberlite/vsr';
import { type CliError, ofServerFault, unwrap } from '../fault.ts';
import type { ProgressLine } from '../progress.ts';
import type { MakeMachine } from './machine-module.ts';
import { type WatchedCalls, watchedCalls } from './watched-calls.ts';

/** The longest that a request may have: what bounds it is whether the replica goes on. */
const REQUEST_MILLIS = 24 * 60 * 60 * 1000;
/** Milliseconds between two looks at how far it is. */
const LOOK_MILLIS = 20;
/** Milliseconds in which a disk that is well has finished a write, if one was asked for. */
const STALL_MILLIS = 60_000;
/** Milliseconds that a replica has to stop that may have broken off in the middle of something. */
const STOP_MILLIS = 5_000;

/** What a log is executed on, and by what. */
export interface ReplaySource {
  /** The old cluster, in which the log is executed. */
  readonly cluster: bigint;
  /** Of what it runs, which executes the log. */
  readonly makeMachine: MakeMachine;
  readonly config: ClusterConfig;
  readonly view: number;
  /** The end of the log. */
  readonly adoptedOp: number;
  readonly state: AdoptedState;
  readonly blocks: BlockSource;
  /** What is said when the state cannot be worked out. */
  readonly onDamage: (message: string) => CliError;
}

export interface ReplayOptions {
  readonly progress: ProgressLine;
  /** Between the replica and the system's calls on its file, for tests of bad disks. */
  readonly fileCalls?: FileCalls;
  /** Milliseconds without a sign of life after which the disk counts as hung. */
  readonly stallMillis?: number;
}

/**
 * Makes the file of the only replica of the old cluster as far as it is concerned, with the log
 * that is left. `start` refuses it: see replayMachineOf.
 */
export async function formatReplay(
  path: string,
  source: ReplaySource,
  onProgress: (written: number, total: number) => void,
): Promise<void> {
  const { cluster, config, view, adoptedOp, state, blocks } = source;
  const incarnation = randomU128();
  const stateMachine = replayMachineOf(source.makeMachine());
  const replica = { path, config, stateMachine, cluster, slot: 0, replicaCount: 1 };
  unwrap(
    await formatDataFile({
      ...replica,
      file: {
        incarnation,
        // Files that once took the place of lost ones are noted in the state, by older ops.
        introductions: mutualIntroductions(0, [incarnation], Op(adoptedOp)),
        // The first view from there on that belongs to slot 0.
        view: View(Math.ceil(view / SLOT_COUNT) * SLOT_COUNT),
        adopted: state,
      },
      blocks,
      onProgress,
    }),
  );
}

/**
 * Executes the log, forgets the files that once took the place of lost ones, for those were the old
 * cluster's, and goes on with ops that change nothing up to the next checkpoint. Throws CliError
 * where the log, the state machine or the disk keeps it from coming to that.
 */
export async function replayLog(
  path: string,
  source: ReplaySource,
  options: ReplayOptions,
): Promise<void> {
  const { progress } = options;
  const calls = watchedCalls(options.fileCalls);
  const failure = firstFailure();
  const release = catchThrown((error) => failure.fail(thrownFailure(error, progress)));
  try {
    const replica = await startAlone(path, {
      machine: source.makeMachine,
      calls,
      onFatal: (fault) => failure.fail(fatalFailure(fault, { path, source, calls })),
    });
    const look = (): void => {
      progress.show('executing the log', ...executedOf(replica, source));
    };
    look();
    const watch = watchDisk({ path, replica, calls, look, options, fail: failure.fail });
    const client = new OperationClient({
      endpoints: [formatAddress(replica.clientAddress)],
      cluster: source.cluster,
      requestTimeout: REQUEST_MILLIS,
    });
    const over = new AbortController();
    try {
      // A replica that gave up answers no more.
      const filled = fillUp(source.config, { client, replica, signal: over.signal });
      await Promise.race([failure.promise, filled]);
    } finally {
      over.abort();
      watch.stop();
      progress.clear();
      await client.close();
      await stopSoon(replica);
    }
  } finally {
    release();
  }
}

/** One that a hung disk holds up, or that has thrown, may never come to its stop. */
async function stopSoon(replica: RunningReplica): Promise<void> {
  const over = new AbortController();
  try {
    await Promise.race([replica.stop(), pause(STOP_MILLIS, undefined, { signal: over.signal })]);
  } finally {
    over.abort();
  }
}

function executedOf(replica: RunningReplica, source: ReplaySource): [number, number] {
  const { checkpointInterval } = source.config;
  const from = source.state.checkpoint.op;
  const end = Math.ceil((source.adoptedOp + 1) / checkpointInterval) * checkpointInterval;
  return [Math.min(replica.status().state.commitMin, end) - from, end - from];
}

async function fillUp(
  { checkpointInterval }: ClusterConfig,
  run: {
    readonly client: OperationClient;
    readonly replica: RunningReplica;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { client, replica, signal } = run;
  let { op } = await client.request(OPERATION_FORGET_FILES, new Uint8Array(0));
  const wantedOp = Math.ceil(op / checkpointInterval) * checkpointInterval;
  while (op < wantedOp) op = (await client.request(OPERATION_NOOP, new Uint8Array(0))).op;
  // Bounded by the watch.
  while (replica.status().state.checkpointOp < wantedOp) {
    await pause(LOOK_MILLIS, undefined, { signal });
  }
}

/**
 * A replica waits for room as long as it takes, and for its disk; that is right where it serves,
 * but nobody makes room for a command that says nothing.
 */
function watchDisk(watched: {
  readonly path: string;
  readonly replica: RunningReplica;
  readonly calls: WatchedCalls;
  readonly look: () => void;
  readonly options: ReplayOptions;
  readonly fail: (error: unknown) => void;
}): { stop(): void } {
  const { path, replica, calls, look, fail } = watched;
  const { stallMillis = STALL_MILLIS } = watched.options;
  let seen = '';
  let movedAt = performance.now();
  const timer = setInterval(() => {
    look();
    const { state, dataFile } = replica.status();
    if (dataFile.waitingBytes > 0) {
      const message = `there is no room for ${path}: ${dataFile.waitingBytes} bytes wait for it`;
      fail(ofServerFault(makeFault('disk_full', message)));
    }
    const now = `${state.commitMin} ${state.checkpointOp} ${calls.written()}`;
    if (now !== seen) movedAt = performance.now();
    else if (performance.now() - movedAt >= stallMillis) fail(stalled(path, stallMillis));
    seen = now;
  }, LOOK_MILLIS);
  return { stop: () => clearInterval(timer) };
}

function stalled(path: string, millis: number): CliError {
  const message = `no write to ${path} has ended for ${Math.ceil(millis / 1000)} s`;
  return ofServerFault(makeFault('io_failed', message));
}

/** What the state came to grief of; a disk that fails says nothing of the state. */
function fatalFailure(
  fault: ServerFault,
  at: { readonly path: string; readonly source: ReplaySource; readonly calls: WatchedCalls },
): CliError {
  if (fault.code !== 'data_file_damaged' && fault.code !== 'diverged') return ofServerFault(fault);
  const readError = at.calls.readError();
  if (readError !== null) return ofServerFault(fileFault(readError, at.path, 'read'));
  return at.source.onDamage(fault.message);
}

/** A state machine that threw is the user's to correct; all else that is thrown is a bug. */
function thrownFailure(error: unknown, progress: ProgressLine): unknown {
  if (!(error instanceof StateMachineError)) return error;
  // Where the machine threw tells more than where that was seen.
  const { stack, message } = error.cause instanceof Error ? error.cause : error;
  progress.say(`${stack ?? message}\n`);
  return ofServerFault(makeFault('state_machine_failed', error.message));
}

/** The first failure counts; those that it brings about don't. */
function firstFailure(): {
  readonly promise: Promise<never>;
  readonly fail: (error: unknown) => void;
} {
  let fail: (error: unknown) => void = () => {};
  const promise = new Promise<never>((_, reject) => {
    fail = reject;
  });
  // It may come when nobody waits for it any more.
  promise.catch(() => {});
  return { promise, fail };
}

/** What the replica throws comes out of a callback of the system, where nobody can catch it. */
function catchThrown(heard: (error: unknown) => void): () => void {
  process.setUncaughtExceptionCaptureCallback(heard);
  return () => process.setUncaughtExceptionCaptureCallback(null);
}

async function startAlone(
  path: string,
  run: {
    readonly machine: MakeMachine;
    readonly calls: FileCalls;
    readonly onFatal: (fault: ServerFault) => void;
  },
): Promise<RunningReplica> {
  const configuration = unwrap(
    loadConfiguration({
      file: null,
      env: {},
      flags: {
        'data-file': path,
        // On ports that the system picks; nobody but this process knows them.
        addresses: '127.0.0.1:1',
        'peer-address': '127.0.0.1:0',
        'client-address': '127.0.0.1:0',
        'http-address': 'off',
      },
    }),
  );
  const stateMachine = replayMachineOf(run.machine());
  const { calls: fileCalls, onFatal } = run;
  return unwrap(
    await startReplica({ configuration, stateMachine, fileCalls, onFatal, writeLog() {} }),
  );
}
