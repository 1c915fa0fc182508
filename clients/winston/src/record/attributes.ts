import { ATTRIBUTES, DEPTH, KEY_BYTES, RECORD_VALUE_BYTES, VALUE_BYTES } from '../limits';
import { type Exception, exceptionOf, isError } from './exception';
import { jsonText } from './json';
import { plain } from './plain';
import type { Attribute, Value } from './record';
import { truncate } from './truncate';
import { unreadable } from './unreadable';

type Fields = Readonly<Record<string, unknown>>;

/** Marks a record with omitted attributes. */
const OMITTED: Attribute = {
  key: 'logboom.omitted',
  value: `attributes past the first ${ATTRIBUTES - 1}`,
};

/** Collects the attributes of one record within the server's limits. */
export class Attributes {
  private readonly gathered: Attribute[] = [];
  private room = RECORD_VALUE_BYTES;
  private isFull = false;

  get all(): readonly Attribute[] {
    return this.gathered;
  }

  /**
   * Adds a field of any type with its content. An unreadable field becomes an error text and
   * does not affect others.
   */
  addField(fields: Fields, key: string): void {
    try {
      this.flatten(key, fields[key], []);
    } catch (error) {
      this.add(key, unreadable(error));
    }
  }

  addException({ type, message, stacktrace }: Exception): void {
    this.add('exception.type', type);
    if (message !== undefined) this.add('exception.message', message);
    if (stacktrace !== undefined) this.add('exception.stacktrace', stacktrace);
  }

  /** Adds the properties of an error other than message and stack, such as a `code`. */
  addPropertiesOf(error: Error, key: string): void {
    this.flattenProperties(key, error, [error]);
  }

  private flatten(path: string, value: unknown, ancestors: readonly object[]): void {
    switch (typeof value) {
      case 'string':
      case 'number':
      case 'boolean':
      case 'bigint':
        return this.add(path, value);
      case 'object':
        return value === null ? undefined : this.flattenObject(path, value, ancestors);
      default:
      // Functions, symbols and undefined are skipped.
    }
  }

  private flattenObject(path: string, value: object, ancestors: readonly object[]): void {
    if (this.isFull) return;
    if (ancestors.includes(value)) return this.add(path, '[circular]');
    if (ancestors.length >= DEPTH) return this.add(path, '[too deep]');
    const within = [...ancestors, value];
    if (Array.isArray(value)) return this.add(path, jsonText(value) ?? '[]');
    if (isError(value)) return this.flattenError(path, value, within);
    const standing = plain(value);
    if (standing !== value) return this.flatten(path, standing, within);
    this.flattenProperties(path, value, within);
  }

  private flattenError(path: string, error: Error, within: readonly object[]): void {
    for (const [name, text] of Object.entries(exceptionOf(error))) this.add(`${path}.${name}`, text);
    this.flattenProperties(path, error, within);
  }

  private flattenProperties(path: string, object: object, within: readonly object[]): void {
    for (const key of Object.keys(object)) {
      if (this.isFull) return;
      this.flatten(`${path}.${key}`, (object as Fields)[key], within);
    }
  }

  private add(key: string, value: Value): void {
    if (this.isFull) return;
    if (this.gathered.length === ATTRIBUTES) {
      this.gathered[ATTRIBUTES - 1] = OMITTED;
      this.isFull = true;
      return;
    }
    this.gathered.push({ key: truncate(key, KEY_BYTES) || '(empty)', value: this.bounded(value) });
  }

  private bounded(value: Value): Value {
    if (typeof value === 'bigint') return BigInt.asIntN(64, value) === value ? value : value.toString();
    if (typeof value !== 'string') return value;
    const text = truncate(value, Math.min(VALUE_BYTES, Math.max(this.room, 0)));
    this.room -= Buffer.byteLength(text);
    return text;
  }
}
