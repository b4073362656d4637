import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

/** Frames whose checksum is wrong. */
export const byzantineCorruptChecksums: Scenario = attack({
  name: 'ByzantineCorruptChecksums',
  purpose: 'bad checksums of frames',
  property: 'a frame with a bad checksum is no message',
  replicaCount: 3,
  commands: ['any'],
  mutation: { kind: 'corrupt_checksum' },
  probability: 0.1,
  undecodable: true,
  viewChanges: false,
  expects: 'promises_kept',
  rejections: [],
});
