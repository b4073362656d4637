export * from './codec/bytes.ts';
export * from './codec/call.ts';
export { type CallFault, type CallProblem, callFault, callProblem } from './codec/call-fault.ts';
export { addReads, type CallReads, NO_READS, rowsRead } from './codec/call-reads.ts';
export { decodeCalls } from './codec/decode-calls.ts';
export { decodeResults } from './codec/decode-results.ts';
export { callSize, encodeCalls } from './codec/encode-calls.ts';
export { encodeResults, resultSize } from './codec/encode-results.ts';
export * from './codec/limits.ts';
export { isReadCall, type ReadCall } from './codec/read-call.ts';
export { callReplyLimit } from './codec/reply-limit.ts';
export { type CallsWeight, callReads, weighCalls } from './codec/request-weight.ts';
export * from './codec/result.ts';
export { revisionTaken } from './execute-call.ts';
export { createKernel, KERNEL_NAME } from './kernel.ts';
export { KernelModel } from './model.ts';
export { modelAdmits } from './model-admits.ts';
export { modelAccepts } from './model-fault.ts';
export { stateBytesOf } from './quota.ts';
export { CHAIN_START, chainNext } from './stream-record.ts';
export {
  KEY_ORDERS,
  type KeyOrder,
  NO_HINTS,
  randomCall,
  randomCalls,
  randomEdge,
  randomReads,
  WORKLOAD_DEFAULT,
  WORKLOAD_LARGE,
  type WorkloadHints,
  type WorkloadOptions,
} from './workload.ts';
