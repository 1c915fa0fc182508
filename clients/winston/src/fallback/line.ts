import type { LogRecord, Value } from '../record/record';
import { formatNanos } from '../record/time';

/** Names with a meaning of their own in the server's JSON. */
const OWN = new Set(['time', 'level', 'service', 'node', 'message', 'trace_id', 'span_id']);

/**
 * Formats the record as one line of JSON for `POST /api/v1/push`, so that it can be sent later.
 */
export function lineOf(record: LogRecord): string {
  const members = [
    member('time', formatNanos(record.timeUnixNano)),
    member('level', record.level),
    member('service', record.service),
    member('node', record.node),
    member('message', record.message),
  ];
  if (record.traceId !== undefined) members.push(member('trace_id', record.traceId));
  if (record.spanId !== undefined) members.push(member('span_id', record.spanId));
  for (const { key, value } of record.attributes) {
    members.push(member(OWN.has(key) ? `attributes.${key}` : key, value));
  }
  return `{${members.join(',')}}`;
}

function member(key: string, value: Value): string {
  return `${JSON.stringify(key)}:${json(value)}`;
}

/** JSON has no infinities and no NaN. */
function json(value: Value): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number' && !Number.isFinite(value)) return JSON.stringify(String(value));
  return JSON.stringify(value);
}
