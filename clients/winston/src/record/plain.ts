import { types } from 'node:util';
import { VALUE_BYTES } from '../limits';

/**
 * The representation of objects without meaningful own keys: texts for dates, patterns and bytes,
 * entries for maps, and the result of `toJSON`. Other objects are returned unchanged.
 */
export function plain(value: object): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  if (value instanceof RegExp) return String(value);
  if (types.isBoxedPrimitive(value)) return value.valueOf();
  if (ArrayBuffer.isView(value)) return base64(value);
  if ('toJSON' in value && typeof value.toJSON === 'function') return value.toJSON() as unknown;
  return value;
}

/** At most the size of an attribute, because a buffer may be large. */
function base64(view: ArrayBufferView): string {
  return Buffer.from(view.buffer, view.byteOffset, Math.min(view.byteLength, VALUE_BYTES)).toString('base64');
}
