import { COMMANDS, type Command } from '@kimberlite/vsr';

/** Whom replicas say the messages of a command to. */
type SpokenTo =
  /** To each other: a liar lies about every one of these. */
  | 'replicas'
  /** A client believes whom it asks: what a liar tells its own nobody can check for them. */
  | 'clients'
  /** Nobody: clients and connections send it, or it stands in logs alone. */
  | 'nobody';

/** By command, so that one that is new to the codec does not compile before it stands here. */
const SPOKEN: Readonly<Record<Command, SpokenTo>> = {
  reserved: 'nobody',
  hello: 'nobody',
  ping: 'replicas',
  pong: 'replicas',
  // A backup hands on what clients ask of it.
  request: 'replicas',
  prepare: 'replicas',
  prepareOk: 'replicas',
  commit: 'replicas',
  reply: 'clients',
  eviction: 'clients',
  refusal: 'clients',
  startViewChange: 'replicas',
  doViewChange: 'replicas',
  startView: 'replicas',
  requestStartView: 'replicas',
  requestHeaders: 'replicas',
  headers: 'replicas',
  requestPrepare: 'replicas',
  requestBlocks: 'replicas',
  block: 'replicas',
  rejection: 'nobody',
  query: 'nobody',
  queryReply: 'clients',
  confirmView: 'replicas',
  viewConfirmed: 'replicas',
  requestReadIndex: 'replicas',
  readIndex: 'replicas',
};

/** Every command of the codec. */
// SAFETY: these are its keys.
export const EVERY_COMMAND: readonly Command[] = Object.keys(COMMANDS) as Command[];

/** Every command that replicas say to each other. */
export const SPOKEN_COMMANDS: readonly Command[] = EVERY_COMMAND.filter(
  (command) => SPOKEN[command] === 'replicas',
);
