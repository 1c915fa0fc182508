/** A UTF-16 code unit takes three bytes at most; two of them that make a pair take four. */
const MOST_BYTES_PER_UNIT = 3;

/**
 * The text in well-formed Unicode and within `limit` bytes of UTF-8; what is cut off is
 * marked with the length that the text had.
 *
 * Half a surrogate pair must not go out: it has no UTF-8, and a server that checks what it
 * reads refuses the whole batch.
 */
export function truncate(text: string, limit: number): string {
  const wellFormed = text.toWellFormed();
  if (wellFormed.length * MOST_BYTES_PER_UNIT <= limit) return wellFormed;
  const bytes = Buffer.byteLength(wellFormed);
  return bytes <= limit ? wellFormed : cut(wellFormed, limit, bytes);
}

function cut(text: string, limit: number, bytes: number): string {
  const mark = `… [cut, ${bytes} bytes]`;
  const room = limit - Buffer.byteLength(mark);
  if (room < 0) return '…';
  const beginning = Buffer.from(text.slice(0, room));
  let end = Math.min(room, beginning.length);
  // Back to the first byte of a character: those that follow it begin with the bits 10.
  while (end > 0 && ((beginning[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return beginning.toString('utf8', 0, end) + mark;
}
