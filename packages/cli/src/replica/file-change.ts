import {
  CLIENT_ERRORS,
  ClientError,
  type ClusterDescription,
  OperationClient,
} from '@kimberlite/client';
import { makeFault } from '@kimberlite/server';
import {
  decodeRecovered,
  encodeRecovery,
  type HandedOver,
  type MachineIdentity,
  OPERATION_NOOP,
  OPERATION_RECOVER,
  type Op,
  type Recovered,
  recoveredFile,
  View,
} from '@kimberlite/vsr';
import { type ConnectionFlags, endpointsOf } from '../connection-options.ts';
import { exitOfClientError } from '../exit-codes.ts';
import { CliError, cliError, cliErrorOf } from '../fault.ts';
import type { Io } from '../io.ts';

export interface FileChangeFlags extends ConnectionFlags {
  /** Slot of the member. */
  readonly replica: number;
}

/** Milliseconds of one step: long enough for an election, and for the lost member to be missed. */
const STEP_TIMEOUT_DEFAULT = 30_000;

/** What the cluster has said about a file that is a member's from now on. */
export interface NewMemberFile extends Required<HandedOver> {
  /** Since which it counts. */
  readonly op: Op;
}

/** Has the cluster take another file for a member's, which cannot be taken back. */
export class FileChange {
  readonly #flags: FileChangeFlags;
  readonly #machine: MachineIdentity;
  readonly #io: Io;
  /** How far it has come, for whoever has to be told that it went no further. */
  #asked: 'not_asked' | 'asked' | 'answered' | 'finished';

  constructor(flags: FileChangeFlags, machine: MachineIdentity, io: Io) {
    this.#flags = flags;
    this.#machine = machine;
    this.#io = io;
    this.#asked = 'not_asked';
  }

  /** The cluster, which commits an op that changes nothing: it can do so. Throws CliError. */
  async describe(): Promise<ClusterDescription> {
    return await this.#withClient(this.#flags.cluster, async (client) => {
      await client.request(OPERATION_NOOP, new Uint8Array(0)).catch(throwHarmless);
      if (client.description === null) throw new Error('a reply comes from a described cluster');
      return client.description;
    });
  }

  /**
   * Asks the cluster that was described for the change, and finishes the file with what is to stand
   * in it. Throws CliError: `recover_unfinished` for whatever fails once the change may have been
   * made.
   */
  async make<T>(
    { cluster, config }: ClusterDescription,
    incarnation: bigint,
    finish: (file: NewMemberFile) => T,
  ): Promise<T> {
    const { replica: slot } = this.#flags;
    return await this.#withClient(cluster, async (client) => {
      const first = await this.#ask(client, incarnation);
      this.#asked = 'answered';
      try {
        const view = await fillPipeline(client, config.pipelineMax);
        const newest = View(Math.max(first.view, view));
        const file = recoveredFile({ slot, incarnation, recovered: first.recovered, view: newest });
        const finished = finish({ ...file, op: first.recovered.since });
        this.#asked = 'finished';
        return finished;
      } catch (error) {
        throw this.#unfinishedBy(error);
      }
    });
  }

  /** What to tell when it ends for this reason; null where nothing was asked, or all is done. */
  unfinished(reason: string): CliError | null {
    if (this.#asked === 'not_asked' || this.#asked === 'finished') return null;
    const has = this.#asked === 'asked' ? 'may have' : 'has';
    const message =
      `the cluster ${has} put a new file in the place of replica ${this.#flags.replica}'s, and ` +
      `that file was not finished: ${reason}`;
    const { exitCode, code, remedy } = makeFault('recover_unfinished', message);
    return new CliError({ exitCode, code, message, remedy, definite: false });
  }

  async #ask(
    client: OperationClient,
    incarnation: bigint,
  ): Promise<{ readonly recovered: Recovered; readonly view: number }> {
    const { replica: slot } = this.#flags;
    this.#asked = 'asked';
    try {
      const body = encodeRecovery({ slot, incarnation });
      const reply = await client.request(OPERATION_RECOVER, body);
      const recovered = decodeRecovered(reply.body);
      if (recovered !== null) return { recovered, view: reply.view };
    } catch (error) {
      if (!(error instanceof ClientError && error.definite)) throw this.#unfinishedBy(error);
      this.#asked = 'not_asked';
      throw harmless(error);
    }
    this.#asked = 'not_asked';
    const message = `the cluster does not take another file for replica ${slot}`;
    throw cliError(
      'refused',
      message,
      'This `recover` has changed nothing. Check --replica against `kimberlite status`; a ' +
        'cluster of one or two replicas cannot recover a member. Where another `recover` of this ' +
        'member was made at the same moment, the file of that one counts, not the old one.',
    );
  }

  /** A bug stays what it is. */
  #unfinishedBy(error: unknown): unknown {
    const known = cliErrorOf(error);
    return known === null ? error : (this.unfinished(known.message) ?? error);
  }

  async #withClient<T>(
    cluster: bigint | undefined,
    use: (client: OperationClient) => Promise<T>,
  ): Promise<T> {
    const { timeout } = this.#flags;
    const client = new OperationClient({
      endpoints: endpointsOf(this.#flags, this.#io),
      machine: this.#machine.name,
      requestTimeout: timeout ?? STEP_TIMEOUT_DEFAULT,
      ...(cluster === undefined ? {} : { cluster }),
    });
    try {
      return await use(client);
    } finally {
      await client.close();
    }
  }
}

/**
 * What the lost file acknowledged is then so far below the head that no view change asks for it
 * again, and the new file, which has none of it, cannot be taken for a witness against it. Returns
 * the newest view.
 */
async function fillPipeline(client: OperationClient, pipelineMax: number): Promise<number> {
  let view = 0;
  for (let noops = 0; noops < pipelineMax; noops += 1) {
    const noop = await client.request(OPERATION_NOOP, new Uint8Array(0));
    view = Math.max(view, noop.view);
  }
  return view;
}

function throwHarmless(error: unknown): never {
  throw error instanceof ClientError ? harmless(error) : error;
}

/** Of a request that would have changed nothing, or was not made. */
function harmless({ code, definite, message }: ClientError): CliError {
  const exitCode = exitOfClientError(code, definite);
  const remedy = `${CLIENT_ERRORS[code]} Nothing was changed: the file that the member had counts.`;
  return new CliError({ exitCode, code, message, remedy });
}
