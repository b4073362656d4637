export type { KeyEntry, KeyOperationResult, KeyRecord, Relation } from '@kimberlite/kernel';
export type { KeyValue, RangePage, TxnOutcome } from './answers.ts';
export { type Bytes, text } from './bytes.ts';
export {
  Client,
  type ConnectedOptions,
  connect,
  type Expectation,
  type PutOptions,
  type Swap,
} from './client.ts';
export type {
  NumberCompare,
  PresenceCompare,
  TxnCompare,
  ValueCompare,
} from './compare.ts';
export type { ConnectionState } from './connection.ts';
export {
  CLIENT_ERRORS,
  ClientError,
  type ClientErrorCode,
  type ClientErrorOptions,
} from './errors.ts';
export {
  type ClusterDescription,
  OperationClient,
  type OperationClientOptions,
} from './operation-client.ts';
export type { OperationOptions, OperationQueryOptions, OperationReply } from './operations.ts';
export {
  type CallOptions,
  type ClientOptions,
  type Endpoint,
  NAMESPACE_DEFAULT,
  parseEndpoint,
  REQUEST_TIMEOUT_DEFAULT,
} from './options.ts';
export type { Consistency, KeyReadOptions, ReadOptions } from './read-mode.ts';
export type { RangeRequest, ScanRequest, TxnOperation, TxnRequest } from './requests.ts';
export type { ClientStatus, ConnectionEvent, EndpointStatus } from './status.ts';
export type {
  Appended,
  AppendOptions,
  StreamPage,
  StreamReadOptions,
  Streams,
} from './streams.ts';
