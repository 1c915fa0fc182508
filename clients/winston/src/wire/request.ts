import type { LogRecord, Sender } from '../record/record';
import { PushRequest } from './contract';
import { recordFromWire } from './record';

/** What a batch is sent as. */
export interface Request {
  /** 16 bytes, random: whoever sees them again has stored the batch already. */
  readonly batchId: Uint8Array;
  readonly sender: Sender;
  readonly sequence: number;
}

/** How `PushRequest.records` precedes each record: its field number, and "with a length". */
const RECORDS_TAG = fieldTag('records');

/**
 * Encodes a batch of records that are encoded already. They are, because their sizes had
 * to be known one by one, and because bytes take a fraction of the memory that objects do.
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
