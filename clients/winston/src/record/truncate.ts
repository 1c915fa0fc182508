/** A UTF-16 code unit takes at most three bytes; a surrogate pair takes four. */
const MOST_BYTES_PER_UNIT = 3;

/**
 * The text as well-formed Unicode within `limit` bytes of UTF-8; a cut text ends with a mark and
 * its original length. Lone surrogates are replaced, because they have no UTF-8, and a strict
 * server would refuse the whole batch.
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
  // Moves back to the first byte of a character: continuation bytes start with the bits 10.
  while (end > 0 && ((beginning[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return beginning.toString('utf8', 0, end) + mark;
}
