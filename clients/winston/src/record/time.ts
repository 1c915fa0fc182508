const NANOS_PER_MILLI = 1_000_000n;
/** The range of 64 bits of nanoseconds: the years 1678 to 2261. */
const MOST_MILLIS = 9_200_000_000_000;

// Date and time, a fraction after `.`, `,` or a colon, as in winston's 'YYYY-MM-DD HH:mm:ss:SSS',
// and an optional zone.
const TIMESTAMP =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,:](\d{1,9})\d*)?)?(?: ?(?:([Zz])|([+-])(\d\d):?(\d\d)))?$/;

/** Converts milliseconds with an optional fraction to nanoseconds since the Unix epoch. */
export function nanosOfMillis(millis: number): bigint {
  const whole = Math.floor(millis);
  return BigInt(whole) * NANOS_PER_MILLI + BigInt(Math.floor((millis - whole) * 1e6));
}

/**
 * Parses the `timestamp` of a format: ISO 8601 text, winston's own form, a `Date`, or milliseconds
 * since the epoch. Text without a zone is local time, as written by winston. `undefined` for
 * anything else, because a wrong guess would look like a correct time.
 */
export function nanosOfTimestamp(timestamp: unknown): bigint | undefined {
  if (typeof timestamp === 'string') return nanosOfText(timestamp.trim());
  const millis = timestamp instanceof Date ? timestamp.getTime() : timestamp;
  return typeof millis === 'number' && Math.abs(millis) <= MOST_MILLIS ? nanosOfMillis(millis) : undefined;
}

function nanosOfText(text: string): bigint | undefined {
  const parts = TIMESTAMP.exec(text);
  if (!parts) return undefined;
  const number = (place: number): number => Number(parts[place] ?? 0);
  const [year, month, day] = [number(1), number(2), number(3)];
  const [hour, minute, second] = [number(4), number(5), number(6)];
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return undefined;
  // `Date` would accept the 31st of April as the 1st of May.
  if (new Date(Date.UTC(year, month - 1, day)).getUTCDate() !== day) return undefined;
  const zoned = parts[8] !== undefined || parts[9] !== undefined;
  const millis = zoned
    ? Date.UTC(year, month - 1, day, hour, minute, second) - offsetMillis(parts[9], number(10), number(11))
    : new Date(year, month - 1, day, hour, minute, second).getTime();
  if (Math.abs(millis) > MOST_MILLIS) return undefined;
  return nanosOfMillis(millis) + BigInt((parts[7] ?? '').padEnd(9, '0'));
}

function offsetMillis(sign: string | undefined, hours: number, minutes: number): number {
  const offset = (hours * 60 + minutes) * 60_000;
  return sign === '-' ? -offset : offset;
}

/** Formats as RFC 3339 in UTC with nine digits: `2026-01-02T03:04:05.000000006Z`. */
export function formatNanos(nanos: bigint): string {
  const beyond = ((nanos % NANOS_PER_MILLI) + NANOS_PER_MILLI) % NANOS_PER_MILLI;
  const millis = (nanos - beyond) / NANOS_PER_MILLI;
  const iso = new Date(Number(millis)).toISOString();
  return `${iso.slice(0, -1)}${beyond.toString().padStart(6, '0')}Z`;
}
