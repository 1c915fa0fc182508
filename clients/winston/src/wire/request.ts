import type { LogRecord, Sender } from '../record/record';
import { PushRequest } from './contract';
import { recordFromWire } from './record';

/** The header of a batch. */
export interface Request {
  /** 16 random bytes, by which the server recognises a resent batch. */
  readonly batchId: Uint8Array;
  readonly sender: Sender;
  readonly sequence: number;
}

/** The tag before each record in `PushRequest.records`: field number and wire type. */
const RECORDS_TAG = fieldTag('records');

/**
 * Encodes a batch of encoded records. Records are encoded early, because their sizes are needed and
 * bytes take a fraction of the memory of objects.
 */
export function encodeRequest({ batchId, sender, sequence }: Request, records: readonly Uint8Array[]): Uint8Array {
  const { service, node } = sender;
  const writer = PushRequest.encode({ batchId, service, node, sequence });
  for (const record of records) writer.uint32(RECORDS_TAG).bytes(record);
  return writer.finish();
}

/** The records of an encoded batch. */
export function decodeRecords(request: Uint8Array): LogRecord[] {
  const { service, node, records } = PushRequest.decode(request) as unknown as Sender & { records: object[] };
  return records.map((record) => recordFromWire(record, { service, node }));
}

function fieldTag(name: string): number {
  const LENGTH_DELIMITED = 2;
  const field = PushRequest.fields[name];
  if (!field) throw new Error(`the contract has no PushRequest.${name}`);
  return (field.id << 3) | LENGTH_DELIMITED;
}
