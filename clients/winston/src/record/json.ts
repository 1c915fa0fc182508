import { DEPTH } from '../limits';
import { isError, typeOf } from './exception';
import { plain } from './plain';

/** The maximum number of values in one text; more would not fit in the 64 KiB of an attribute. */
const VALUES = 20_000;

/**
 * JSON of any value. Cycles, big integers, errors and depths that `JSON.stringify` cannot handle
 * become texts. `undefined` for values that JSON omits, such as functions.
 */
export function jsonText(value: unknown): string | undefined {
  return JSON.stringify(new Copy().of(value, []));
}

/** A copy of limited size for `JSON.stringify`. */
class Copy {
  private values = 0;

  of(value: unknown, ancestors: readonly object[]): unknown {
    this.values += 1;
    if (typeof value === 'bigint') return value.toString();
    if (typeof value !== 'object' || value === null) return value;
    if (ancestors.includes(value)) return '[circular]';
    if (ancestors.length >= DEPTH) return '[too deep]';
    const within = [...ancestors, value];
    if (isError(value)) return { type: typeOf(value), message: value.message, stacktrace: value.stack };
    const standing = plain(value);
    if (standing !== value) return this.of(standing, within);
    return Array.isArray(value) ? this.ofArray(value, within) : this.ofObject(value, within);
  }

  private ofArray(array: readonly unknown[], within: readonly object[]): unknown[] {
    const copy: unknown[] = [];
    for (const item of array) {
      if (this.isFull) return [...copy, '…'];
      copy.push(this.of(item, within));
    }
    return copy;
  }

  private ofObject(object: object, within: readonly object[]): Record<string, unknown> {
    const copy: [string, unknown][] = [];
    for (const key of Object.keys(object)) {
      if (this.isFull) {
        copy.push(['…', '…']);
        break;
      }
      copy.push([key, this.of((object as Record<string, unknown>)[key], within)]);
    }
    // `fromEntries`, because a key may be `__proto__`.
    return Object.fromEntries(copy);
  }

  private get isFull(): boolean {
    return this.values >= VALUES;
  }
}
