import { isError } from './exception';

/** The text for a value whose getter, `toJSON` or proxy throws. */
export function unreadable(error: unknown): string {
  return `[unreadable: ${isError(error) ? error.message : 'it threw'}]`;
}
