// Written by tools/docs.ts from the tables in layout.ts, and tested: change those.
import {
  inRange, readChecksum, readClient, readOp, readU64, readU128, readView,
  writeBig, writeNumber, writeU8, writeU16, writeU32,
} from './field.ts';
import type { Command, HeaderOf, OwnFields } from './layout.ts';

/**
 * Straight code for each command, with its fields by name: all its headers are objects of one
 * shape, and no field is looked up. A loop over the tables takes ten times as long.
 */
export const HEADER_READERS: {
  /** Null when a 64-bit number is above the most. */
  readonly [C in Command]: (v: DataView, most: number) => HeaderOf<C> | null;
} = {
  reserved: (v, most) => {
    const h: HeaderOf<'reserved'> = {
      command: 'reserved', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), op: readOp(v, 128, most),
    };
    return inRange(h.view + h.op) ? h : null;
  },
  hello: (v, most) => {
    const h: HeaderOf<'hello'> = {
      command: 'hello', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), member: readU128(v, 128),
      role: v.getUint8(144), replicaCount: v.getUint8(145), pipelineMax: v.getUint16(146, true),
      messageSizeMax: v.getUint32(148, true), walSlots: v.getUint32(152, true),
      checkpointInterval: v.getUint32(156, true), blockSize: v.getUint32(160, true),
      sessionsMax: v.getUint32(164, true), stateBytesMax: readU64(v, 168, most),
      historyRevisions: readU64(v, 176, most), machine: readU128(v, 184),
      machineName: readU128(v, 200),
    };
    return inRange(h.view + h.stateBytesMax + h.historyRevisions) ? h : null;
  },
  ping: (v, most) => {
    const h: HeaderOf<'ping'> = {
      command: 'ping', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72),
      checkpointId: readChecksum(v, 128), checkpointOp: readOp(v, 144, most),
      op: readOp(v, 152, most), commit: readOp(v, 160, most), promisedOp: readOp(v, 168, most),
      promisedLogView: readView(v, 176, most), promisedView: readView(v, 184, most),
      monotonic: readU64(v, 192, most), life: v.getUint32(200, true), status: v.getUint8(204),
      clock: v.getUint8(205),
    };
    return inRange(
      h.view + h.checkpointOp + h.op + h.commit + h.promisedOp + h.promisedLogView + h.promisedView
      + h.monotonic
    ) ? h : null;
  },
  pong: (v, most) => {
    const h: HeaderOf<'pong'> = {
      command: 'pong', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72),
      pingIncarnation: readU128(v, 128), knownIncarnation: readU128(v, 144),
      checkpointId: readChecksum(v, 160), checkpointOp: readOp(v, 176, most),
      knownSince: readOp(v, 184, most), promisedOp: readOp(v, 192, most),
      promisedLogView: readView(v, 200, most), promisedView: readView(v, 208, most),
      pingMonotonic: readU64(v, 216, most), pongWall: readU64(v, 224, most),
      pingLife: v.getUint32(232, true), life: v.getUint32(236, true),
    };
    return inRange(
      h.view + h.checkpointOp + h.knownSince + h.promisedOp + h.promisedLogView + h.promisedView
      + h.pingMonotonic + h.pongWall
    ) ? h : null;
  },
  request: (v, most) => {
    const h: HeaderOf<'request'> = {
      command: 'request', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), client: readClient(v, 128),
      session: readU64(v, 144, most), request: v.getUint32(152, true),
      operation: v.getUint16(156, true),
    };
    return inRange(h.view + h.session) ? h : null;
  },
  prepare: (v, most) => {
    const h: HeaderOf<'prepare'> = {
      command: 'prepare', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), parent: readChecksum(v, 128),
      checkpointId: readChecksum(v, 144), op: readOp(v, 160, most), commit: readOp(v, 168, most),
      timestamp: readU64(v, 176, most), count: v.getUint32(184, true),
    };
    return inRange(h.view + h.op + h.commit + h.timestamp) ? h : null;
  },
  prepareOk: (v, most) => {
    const h: HeaderOf<'prepareOk'> = {
      command: 'prepareOk', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72),
      prepareChecksum: readChecksum(v, 128), checkpointId: readChecksum(v, 144),
      op: readOp(v, 160, most), commitMin: readOp(v, 168, most), checkpointOp: readOp(v, 176, most),
      durable: v.getUint8(184),
    };
    return inRange(h.view + h.op + h.commitMin + h.checkpointOp) ? h : null;
  },
  commit: (v, most) => {
    const h: HeaderOf<'commit'> = {
      command: 'commit', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72),
      commitChecksum: readChecksum(v, 128), checkpointId: readChecksum(v, 144),
      commit: readOp(v, 160, most), op: readOp(v, 168, most), checkpointOp: readOp(v, 176, most),
      durableOp: readOp(v, 184, most), monotonic: readU64(v, 192, most),
    };
    return inRange(
      h.view + h.commit + h.op + h.checkpointOp + h.durableOp + h.monotonic
    ) ? h : null;
  },
  reply: (v, most) => {
    const h: HeaderOf<'reply'> = {
      command: 'reply', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), client: readClient(v, 128),
      requestChecksum: readChecksum(v, 144), session: readU64(v, 160, most),
      op: readOp(v, 168, most), timestamp: readU64(v, 176, most), index: v.getUint32(184, true),
      request: v.getUint32(188, true), operation: v.getUint16(192, true),
    };
    return inRange(h.view + h.session + h.op + h.timestamp) ? h : null;
  },
  eviction: (v, most) => {
    const h: HeaderOf<'eviction'> = {
      command: 'eviction', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), client: readClient(v, 128),
      session: readU64(v, 144, most), request: v.getUint32(152, true), reason: v.getUint8(156),
    };
    return inRange(h.view + h.session) ? h : null;
  },
  refusal: (v, most) => {
    const h: HeaderOf<'refusal'> = {
      command: 'refusal', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), client: readClient(v, 128),
      requestChecksum: readChecksum(v, 144), request: v.getUint32(160, true),
      reason: v.getUint8(164),
    };
    return inRange(h.view) ? h : null;
  },
  startViewChange: (v, most) => {
    const h: HeaderOf<'startViewChange'> = {
      command: 'startViewChange', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72),
    };
    return inRange(h.view) ? h : null;
  },
  doViewChange: (v, most) => {
    const h: HeaderOf<'doViewChange'> = {
      command: 'doViewChange', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72),
      checkpointId: readChecksum(v, 128), logView: readView(v, 144, most), op: readOp(v, 152, most),
      commitMin: readOp(v, 160, most), checkpointOp: readOp(v, 168, most),
      nackBits: v.getUint32(176, true), presentBits: v.getUint32(180, true),
    };
    return inRange(h.view + h.logView + h.op + h.commitMin + h.checkpointOp) ? h : null;
  },
  startView: (v, most) => {
    const h: HeaderOf<'startView'> = {
      command: 'startView', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), nonce: readU128(v, 128),
      op: readOp(v, 144, most), commit: readOp(v, 152, most), checkpointOp: readOp(v, 160, most),
    };
    return inRange(h.view + h.op + h.commit + h.checkpointOp) ? h : null;
  },
  requestStartView: (v, most) => {
    const h: HeaderOf<'requestStartView'> = {
      command: 'requestStartView', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), nonce: readU128(v, 128),
    };
    return inRange(h.view) ? h : null;
  },
  requestHeaders: (v, most) => {
    const h: HeaderOf<'requestHeaders'> = {
      command: 'requestHeaders', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), opMin: readOp(v, 128, most),
      opMax: readOp(v, 136, most),
    };
    return inRange(h.view + h.opMin + h.opMax) ? h : null;
  },
  headers: (v, most) => {
    const h: HeaderOf<'headers'> = {
      command: 'headers', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72),
    };
    return inRange(h.view) ? h : null;
  },
  requestPrepare: (v, most) => {
    const h: HeaderOf<'requestPrepare'> = {
      command: 'requestPrepare', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72),
      prepareChecksum: readChecksum(v, 128), op: readOp(v, 144, most), more: v.getUint16(152, true),
    };
    return inRange(h.view + h.op) ? h : null;
  },
  requestBlocks: (v, most) => {
    const h: HeaderOf<'requestBlocks'> = {
      command: 'requestBlocks', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72),
    };
    return inRange(h.view) ? h : null;
  },
  block: (v, most) => {
    const h: HeaderOf<'block'> = {
      command: 'block', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72),
      blockChecksum: readChecksum(v, 128), address: readU64(v, 144, most),
    };
    return inRange(h.view + h.address) ? h : null;
  },
  rejection: (v, most) => {
    const h: HeaderOf<'rejection'> = {
      command: 'rejection', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), reason: v.getUint8(128),
    };
    return inRange(h.view) ? h : null;
  },
  query: (v, most) => {
    const h: HeaderOf<'query'> = {
      command: 'query', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), client: readClient(v, 128),
      query: readU64(v, 144, most), floor: readOp(v, 152, most), lagMax: v.getUint32(160, true),
      operation: v.getUint16(164, true), level: v.getUint8(166),
    };
    return inRange(h.view + h.query + h.floor) ? h : null;
  },
  queryReply: (v, most) => {
    const h: HeaderOf<'queryReply'> = {
      command: 'queryReply', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), client: readClient(v, 128),
      queryChecksum: readChecksum(v, 144), query: readU64(v, 160, most), op: readOp(v, 168, most),
    };
    return inRange(h.view + h.query + h.op) ? h : null;
  },
  confirmView: (v, most) => {
    const h: HeaderOf<'confirmView'> = {
      command: 'confirmView', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), round: readU64(v, 128, most),
    };
    return inRange(h.view + h.round) ? h : null;
  },
  viewConfirmed: (v, most) => {
    const h: HeaderOf<'viewConfirmed'> = {
      command: 'viewConfirmed', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), round: readU64(v, 128, most),
    };
    return inRange(h.view + h.round) ? h : null;
  },
  requestReadIndex: (v, most) => {
    const h: HeaderOf<'requestReadIndex'> = {
      command: 'requestReadIndex', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), nonce: readU128(v, 128),
    };
    return inRange(h.view) ? h : null;
  },
  readIndex: (v, most) => {
    const h: HeaderOf<'readIndex'> = {
      command: 'readIndex', checksum: readChecksum(v, 0), checksumBody: readChecksum(v, 16),
      cluster: readU128(v, 32), size: v.getUint32(48, true), version: v.getUint16(52, true),
      replica: v.getUint8(55), view: readView(v, 56, most), release: v.getUint32(64, true),
      reserved: v.getUint32(68, true), incarnation: readU128(v, 72), nonce: readU128(v, 128),
      op: readOp(v, 144, most),
    };
    return inRange(h.view + h.op) ? h : null;
  },
};

/** They write what is the command's own. Each asserts that the values fit. */
export const FIELD_WRITERS: {
  readonly [C in Command]: (v: DataView, own: OwnFields<C>) => void;
} = {
  reserved: (v, own) => {
    writeNumber(v, 128, own.op);
  },
  hello: (v, own) => {
    writeBig(v, 128, own.member); writeU8(v, 144, own.role); writeU8(v, 145, own.replicaCount);
    writeU16(v, 146, own.pipelineMax); writeU32(v, 148, own.messageSizeMax);
    writeU32(v, 152, own.walSlots); writeU32(v, 156, own.checkpointInterval);
    writeU32(v, 160, own.blockSize); writeU32(v, 164, own.sessionsMax);
    writeNumber(v, 168, own.stateBytesMax); writeNumber(v, 176, own.historyRevisions);
    writeBig(v, 184, own.machine); writeBig(v, 200, own.machineName);
  },
  ping: (v, own) => {
    writeBig(v, 128, own.checkpointId); writeNumber(v, 144, own.checkpointOp);
    writeNumber(v, 152, own.op); writeNumber(v, 160, own.commit);
    writeNumber(v, 168, own.promisedOp); writeNumber(v, 176, own.promisedLogView);
    writeNumber(v, 184, own.promisedView); writeNumber(v, 192, own.monotonic);
    writeU32(v, 200, own.life); writeU8(v, 204, own.status); writeU8(v, 205, own.clock);
  },
  pong: (v, own) => {
    writeBig(v, 128, own.pingIncarnation); writeBig(v, 144, own.knownIncarnation);
    writeBig(v, 160, own.checkpointId); writeNumber(v, 176, own.checkpointOp);
    writeNumber(v, 184, own.knownSince); writeNumber(v, 192, own.promisedOp);
    writeNumber(v, 200, own.promisedLogView); writeNumber(v, 208, own.promisedView);
    writeNumber(v, 216, own.pingMonotonic); writeNumber(v, 224, own.pongWall);
    writeU32(v, 232, own.pingLife); writeU32(v, 236, own.life);
  },
  request: (v, own) => {
    writeBig(v, 128, own.client); writeNumber(v, 144, own.session); writeU32(v, 152, own.request);
    writeU16(v, 156, own.operation);
  },
  prepare: (v, own) => {
    writeBig(v, 128, own.parent); writeBig(v, 144, own.checkpointId); writeNumber(v, 160, own.op);
    writeNumber(v, 168, own.commit); writeNumber(v, 176, own.timestamp);
    writeU32(v, 184, own.count);
  },
  prepareOk: (v, own) => {
    writeBig(v, 128, own.prepareChecksum); writeBig(v, 144, own.checkpointId);
    writeNumber(v, 160, own.op); writeNumber(v, 168, own.commitMin);
    writeNumber(v, 176, own.checkpointOp); writeU8(v, 184, own.durable);
  },
  commit: (v, own) => {
    writeBig(v, 128, own.commitChecksum); writeBig(v, 144, own.checkpointId);
    writeNumber(v, 160, own.commit); writeNumber(v, 168, own.op);
    writeNumber(v, 176, own.checkpointOp); writeNumber(v, 184, own.durableOp);
    writeNumber(v, 192, own.monotonic);
  },
  reply: (v, own) => {
    writeBig(v, 128, own.client); writeBig(v, 144, own.requestChecksum);
    writeNumber(v, 160, own.session); writeNumber(v, 168, own.op);
    writeNumber(v, 176, own.timestamp); writeU32(v, 184, own.index); writeU32(v, 188, own.request);
    writeU16(v, 192, own.operation);
  },
  eviction: (v, own) => {
    writeBig(v, 128, own.client); writeNumber(v, 144, own.session); writeU32(v, 152, own.request);
    writeU8(v, 156, own.reason);
  },
  refusal: (v, own) => {
    writeBig(v, 128, own.client); writeBig(v, 144, own.requestChecksum);
    writeU32(v, 160, own.request); writeU8(v, 164, own.reason);
  },
  startViewChange: () => {},
  doViewChange: (v, own) => {
    writeBig(v, 128, own.checkpointId); writeNumber(v, 144, own.logView);
    writeNumber(v, 152, own.op); writeNumber(v, 160, own.commitMin);
    writeNumber(v, 168, own.checkpointOp); writeU32(v, 176, own.nackBits);
    writeU32(v, 180, own.presentBits);
  },
  startView: (v, own) => {
    writeBig(v, 128, own.nonce); writeNumber(v, 144, own.op); writeNumber(v, 152, own.commit);
    writeNumber(v, 160, own.checkpointOp);
  },
  requestStartView: (v, own) => {
    writeBig(v, 128, own.nonce);
  },
  requestHeaders: (v, own) => {
    writeNumber(v, 128, own.opMin); writeNumber(v, 136, own.opMax);
  },
  headers: () => {},
  requestPrepare: (v, own) => {
    writeBig(v, 128, own.prepareChecksum); writeNumber(v, 144, own.op); writeU16(v, 152, own.more);
  },
  requestBlocks: () => {},
  block: (v, own) => {
    writeBig(v, 128, own.blockChecksum); writeNumber(v, 144, own.address);
  },
  rejection: (v, own) => {
    writeU8(v, 128, own.reason);
  },
  query: (v, own) => {
    writeBig(v, 128, own.client); writeNumber(v, 144, own.query); writeNumber(v, 152, own.floor);
    writeU32(v, 160, own.lagMax); writeU16(v, 164, own.operation); writeU8(v, 166, own.level);
  },
  queryReply: (v, own) => {
    writeBig(v, 128, own.client); writeBig(v, 144, own.queryChecksum);
    writeNumber(v, 160, own.query); writeNumber(v, 168, own.op);
  },
  confirmView: (v, own) => {
    writeNumber(v, 128, own.round);
  },
  viewConfirmed: (v, own) => {
    writeNumber(v, 128, own.round);
  },
  requestReadIndex: (v, own) => {
    writeBig(v, 128, own.nonce);
  },
  readIndex: (v, own) => {
    writeBig(v, 128, own.nonce); writeNumber(v, 144, own.op);
  },
};
