// The escape sequences of ECMA-48: `ESC [ … letter` (or U+009B), as colours are, and
// `ESC ] … BEL`, as links are.
const ESCAPES = /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)/g;

/** The text without what only a terminal understands. */
export function withoutColours(text: string): string {
  // Nearly no text has any.
  if (!text.includes('\u001b') && !text.includes('\u009b')) return text;
  return text.replace(ESCAPES, '');
}
