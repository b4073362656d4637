import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { OperationClient } from '@kimberlite/client';
import {
  type BlockSource,
  formatAddress,
  formatDataFile,
  loadConfiguration,
  makeFault,
  type RunningReplica,
  randomU128,
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
  type StateMachine,
  View,
  zoneOffset,
} from '@kimberlite/vsr';
import { type CliError, ofServerFault, unwrap } from '../fault.ts';
import { type DataFileReader, readerOf, withOfflineFile } from '../inspect/data-file-reader.ts';
import type { MakeMachine } from './machine-module.ts';

/** Milliseconds of one request to the replica that replays, which nothing but its disk delays. */
const REQUEST_MILLIS = 60_000;
/** Milliseconds between two looks whether its checkpoint is durable. */
const LOOK_MILLIS = 10;

/** What a new cluster begins with: a checkpoint and a log of another one, and its blocks. */
export interface ClusterSource {
  /** The old one, in which the log is executed. */
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

export interface NewCluster {
  readonly cluster: bigint;
  readonly replicaCount: number;
  /** Where its files are made; nothing of theirs may be there. */
  readonly directory: string;
}

/** Files of the new cluster, by slot. */
export function newFilePaths({ directory, replicaCount }: NewCluster): string[] {
  return Array.from({ length: replicaCount }, (_, slot) => join(directory, `replica-${slot}.data`));
}

/** Throws CliError when something is where a file would be made. */
export function assertNothingThere(wanted: NewCluster): void {
  for (const path of [...newFilePaths(wanted), replayPath(wanted)]) {
    if (existsSync(path)) {
      throw ofServerFault(makeFault('data_file_exists', `${path} is already there`));
    }
  }
}

function replayPath({ directory }: NewCluster): string {
  return join(directory, 'replay.tmp');
}

/**
 * Makes the files of a new cluster from what is left of another. The state that its checkpoint and
 * log come to is worked out by a replica of the old cluster, alone on a file of its own, which ends
 * with a checkpoint; that checkpoint is what each of the new files begins with. Returns its op.
 */
export async function makeCluster(source: ClusterSource, wanted: NewCluster): Promise<number> {
  mkdirSync(wanted.directory, { recursive: true });
  const made: string[] = [];
  const replay = replayPath(wanted);
  try {
    made.push(replay);
    await formatReplay(replay, source);
    await replayLog(replay, source);
    return await withOfflineFile(replay, async (raw) => {
      const replayed = readerOf(raw);
      made.push(...newFilePaths(wanted));
      await formatFiles(replayed, source.makeMachine, wanted);
      rmSync(replay);
      return replayed.chosen.state.checkpoint.op;
    });
  } catch (error) {
    // Nothing was there before, so whatever is there now is unfinished and of no use.
    for (const path of made) rmSync(path, { force: true });
    throw error;
  }
}

/** The only replica of the old cluster as far as it is concerned, with the log that is left. */
async function formatReplay(path: string, source: ClusterSource): Promise<void> {
  const { cluster, config, view, adoptedOp, state, blocks } = source;
  const incarnation = randomU128();
  const stateMachine = source.makeMachine();
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
    }),
  );
}

/**
 * Executes the log, forgets the files that once took the place of lost ones, for those were the old
 * cluster's, and goes on with ops that change nothing up to the next checkpoint.
 */
async function replayLog(path: string, source: ClusterSource): Promise<void> {
  const { cluster, config, onDamage } = source;
  const stateMachine = source.makeMachine();
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const replica = await startAlone(path, stateMachine, ({ message }) => fail(onDamage(message)));
  const client = new OperationClient({
    endpoints: [formatAddress(replica.clientAddress)],
    cluster,
    requestTimeout: REQUEST_MILLIS,
  });
  try {
    // A replica that gave up answers no more.
    await Promise.race([failed, fillUp(config, client, replica)]);
  } finally {
    await client.close();
    await replica.stop();
  }
}

async function fillUp(
  { checkpointInterval }: ClusterConfig,
  client: OperationClient,
  replica: RunningReplica,
): Promise<void> {
  let { op } = await client.request(OPERATION_FORGET_FILES, new Uint8Array(0));
  const wantedOp = Math.ceil(op / checkpointInterval) * checkpointInterval;
  while (op < wantedOp) op = (await client.request(OPERATION_NOOP, new Uint8Array(0))).op;
  while (replica.status().state.checkpointOp < wantedOp) await pause(LOOK_MILLIS);
}

async function startAlone(
  path: string,
  stateMachine: StateMachine,
  onFatal: (fault: ServerFault) => void,
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
  return unwrap(await startReplica({ configuration, stateMachine, writeLog() {}, onFatal }));
}

/** All files of the new cluster know each other, and all begin with the same checkpoint. */
async function formatFiles(
  replayed: DataFileReader,
  makeMachine: MakeMachine,
  wanted: NewCluster,
): Promise<void> {
  const { config, chosen } = replayed;
  const { checkpoint } = chosen.state;
  const { cluster, replicaCount } = wanted;
  const incarnations = Array.from({ length: replicaCount }, randomU128);
  for (const [slot, path] of newFilePaths(wanted).entries()) {
    unwrap(
      await formatDataFile({
        path,
        config,
        stateMachine: makeMachine(),
        cluster,
        slot,
        replicaCount,
        file: {
          incarnation: incarnations[slot] ?? 0n,
          introductions: mutualIntroductions(slot, incarnations, checkpoint.op),
          adopted: { checkpoint, log: [] },
        },
        // Written a moment ago: what cannot be read now tells of a disk to be left alone.
        blocks: blocksOf(replayed, () => true),
      }),
    );
  }
}

/**
 * The block area of a data file. Where the device refuses a block at which nothing of the
 * checkpoint stands, zeros are in its place: else a bad sector that nobody needs would keep the
 * state from being saved. A block that is needed throws the system's error.
 */
export function blocksOf(
  file: DataFileReader,
  isNeeded: (address: number) => boolean,
): BlockSource {
  const { blockSize } = file.config;
  const start = zoneOffset(file.config, 'blocks');
  const size = Math.max(0, file.size - start);
  return {
    size,
    read(offset, length): Uint8Array {
      const whole = file.readWhole('blocks', offset, length);
      if (whole !== null) return whole;
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; ) {
        const address = Math.floor((offset + at) / blockSize) + 1;
        const part = Math.min(address * blockSize - offset, length) - at;
        const found = isNeeded(address)
          ? file.read('blocks', offset + at, part)
          : file.readWhole('blocks', offset + at, part);
        if (found !== null) bytes.set(found, at);
        at += part;
      }
      return bytes;
    },
  };
}
