import { MESSAGE_BYTES, NAME_BYTES } from '../limits';
import { Attributes } from './attributes';
import { withoutColours } from './colours';
import { type Exception, exceptionOf, exceptionOfStack, isError } from './exception';
import { hexId } from './ids';
import { jsonText } from './json';
import type { LogRecord, Sender } from './record';
import { nanosOfMillis, nanosOfTimestamp } from './time';
import { truncate } from './truncate';
import { unreadable } from './unreadable';

/** The object that winston passes to a transport: any fields, and sometimes an `Error` itself. */
export type Info = Readonly<Record<PropertyKey, unknown>>;

/** winston's symbols for the level before formatting, and for further arguments of the call. */
const LEVEL = Symbol.for('level');
const SPLAT = Symbol.for('splat');

/**
 * Converts an info to a record; `now` is in milliseconds since the epoch. Never throws, because
 * logging must not end the service.
 */
export function recordFromInfo(info: Info, sender: Sender, now: number): LogRecord {
  try {
    return compose(info, sender, now);
  } catch (error) {
    return { timeUnixNano: nanosOfMillis(now), level: '', ...sender, message: unreadable(error), attributes: [] };
  }
}

function compose(info: Info, sender: Sender, now: number): LogRecord {
  const fields = new Fields(info);
  const time = fields.take('timestamp', nanosOfTimestamp);
  const traceId = fields.take('trace_id', traceIdOf) ?? fields.take('traceId', traceIdOf);
  const spanId = fields.take('span_id', spanIdOf) ?? fields.take('spanId', spanIdOf);
  const service = fields.take('service', nameOf);
  const node = fields.take('node', nameOf);
  const attributes = fields.attributes();
  return {
    timeUnixNano: time ?? nanosOfMillis(now),
    level: truncate(levelOf(info), NAME_BYTES),
    service: service ?? sender.service,
    node: node ?? sender.node,
    // The server refuses a record without any content.
    message: truncate(messageOf(info), MESSAGE_BYTES) || (attributes.length === 0 ? '(empty)' : ''),
    attributes,
    ...(traceId !== undefined && { traceId }),
    ...(spanId !== undefined && { spanId }),
  };
}

const traceIdOf = (value: unknown): string | undefined => hexId(value, 32);
const spanIdOf = (value: unknown): string | undefined => hexId(value, 16);
const nameOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? truncate(value, NAME_BYTES) : undefined;

function levelOf(info: Info): string {
  const level = typeof info.level === 'string' ? info.level : info[LEVEL];
  return typeof level === 'string' ? withoutColours(level) : '';
}

function messageOf(info: Info): string {
  const { message } = info;
  if (typeof message === 'string') return withoutColours(message);
  if (isError(message)) return withoutColours(String(message.message));
  try {
    return jsonText(message) ?? '';
  } catch (error) {
    return unreadable(error);
  }
}

/** The fields of an info; each is used once in the record. */
class Fields {
  private readonly taken = new Set(['level', 'message']);

  constructor(private readonly info: Info) {}

  /** Reads a field with `read`. A field that it cannot read remains an attribute. */
  take<T>(key: string, read: (value: unknown) => T | undefined): T | undefined {
    const value = read(this.info[key]);
    if (value !== undefined) this.taken.add(key);
    return value;
  }

  /** The attributes of all unused fields. */
  attributes(): LogRecord['attributes'] {
    const attributes = new Attributes();
    const exception = this.exception(attributes);
    if (exception) attributes.addException(exception);
    for (const key of Object.keys(this.info)) {
      if (!this.taken.has(key)) attributes.addField(this.info, key);
    }
    return attributes.all;
  }

  /**
   * Finds the exception of the record. winston has four ways to log an error: as the info, as its
   * message, as a further argument, and as a field; some formats keep only its `stack`.
   */
  private exception(attributes: Attributes): Exception | undefined {
    const { info } = this;
    const splat = Array.isArray(info[SPLAT]) ? (info[SPLAT] as readonly unknown[]) : [];
    const error = [info, info.message, ...splat].find(isError);
    if (error) return this.exceptionOf(error);
    const stack = typeof info.stack === 'string' ? info.stack : undefined;
    for (const [key, value] of Object.entries(info)) {
      // With the stack of another error, this one is its cause or unrelated.
      if (!isError(value) || (stack !== undefined && stack !== value.stack)) continue;
      this.taken.add(key);
      attributes.addPropertiesOf(value, key);
      return this.exceptionOf(value);
    }
    if (stack === undefined) return undefined;
    this.taken.add('stack');
    return exceptionOfStack(stack);
  }

  /** winston copies `stack` and `cause` of an error to the other fields; they are used once. */
  private exceptionOf(error: Error): Exception {
    const isCopy = (key: 'stack' | 'cause'): boolean => this.info[key] === error[key];
    for (const key of ['stack', 'cause'] as const) if (isCopy(key)) this.taken.add(key);
    return exceptionOf(error);
  }
}
