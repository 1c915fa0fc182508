// ANSI escape sequences of ECMA-48: `ESC [ … letter` (or U+009B), such as colours, and
// `ESC ] … BEL`, such as links.
const ESCAPES = /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)/g;

/** The text without terminal escape sequences. */
export function withoutColours(text: string): string {
  // Fast path for most texts.
  if (!text.includes('\u001b') && !text.includes('\u009b')) return text;
  return text.replace(ESCAPES, '');
}
