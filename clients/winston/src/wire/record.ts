import type { Attribute, LogRecord, Sender, Value } from '../record/record';
import { Record } from './contract';
import { fromLong, type Long, toLong } from './long';

/** `Record` of the contract. Absent fields have their default. */
interface WireRecord {
  timeUnixNano: Long;
  level: string;
  service?: string;
  node?: string;
  message: string;
  attributes: WireAttribute[];
  traceId?: Uint8Array;
  spanId?: Uint8Array;
}

/** `Attribute` of the contract: one of four value types. */
interface WireAttribute {
  key: string;
  text?: string;
  integer?: number | Long;
  number?: number;
  boolean?: boolean;
}

/** Encodes one record without the fields of its sender. */
export function encodeRecord(record: LogRecord, sender: Sender): Uint8Array {
  const wire: WireRecord = {
    timeUnixNano: toLong(record.timeUnixNano),
    level: record.level,
    message: record.message,
    attributes: record.attributes.map(wireAttribute),
  };
  if (record.service !== sender.service) wire.service = record.service;
  if (record.node !== sender.node) wire.node = record.node;
  if (record.traceId !== undefined) wire.traceId = Buffer.from(record.traceId, 'hex');
  if (record.spanId !== undefined) wire.spanId = Buffer.from(record.spanId, 'hex');
  return Record.encode(wire).finish();
}

function wireAttribute({ key, value }: Attribute): WireAttribute {
  switch (typeof value) {
    case 'string':
      return { key, text: value };
    case 'boolean':
      return { key, boolean: value };
    case 'bigint':
      return { key, integer: toLong(value) };
    case 'number':
      return Number.isSafeInteger(value) ? { key, integer: value } : { key, number: value };
  }
}

/** Decodes a record, for the fallback and for events. */
export function recordFromWire(message: object, sender: Sender): LogRecord {
  const wire = message as WireRecord;
  return {
    timeUnixNano: fromLong(wire.timeUnixNano),
    level: wire.level,
    service: wire.service || sender.service,
    node: wire.node || sender.node,
    message: wire.message,
    attributes: wire.attributes.map(({ key, ...rest }) => ({ key, value: valueOf(rest) })),
    ...(wire.traceId?.length && { traceId: Buffer.from(wire.traceId).toString('hex') }),
    ...(wire.spanId?.length && { spanId: Buffer.from(wire.spanId).toString('hex') }),
  };
}

function valueOf({ text, integer, number, boolean }: Omit<WireAttribute, 'key'>): Value {
  if (integer === undefined) return text ?? number ?? boolean ?? '';
  if (typeof integer === 'number') return integer;
  const value = fromLong(integer);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
