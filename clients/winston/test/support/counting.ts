import assert from 'node:assert/strict';

/** The numbers in the records' attribute `n`, or in the lines' member `n`. */
export function numbersOf(records: readonly { readonly attributes?: Readonly<Record<string, unknown>>; readonly n?: unknown }[]): number[] {
  return records.map(({ attributes, n }) => Number(attributes?.n ?? n));
}

/** Each number from 0 to `count - 1`, once. */
export function assertEachOnce(numbers: readonly number[], count: number): void {
  const times = new Map<number, number>();
  for (const number of numbers) times.set(number, (times.get(number) ?? 0) + 1);
  const missing = Array.from({ length: count }, (_, n) => n).filter((n) => !times.has(n));
  const doubled = [...times].filter(([, times]) => times > 1).map(([n]) => n);
  const sample = { missing: missing.slice(0, 10), doubled: doubled.slice(0, 10) };
  assert.deepEqual({ missing: missing.length, doubled: doubled.length }, { missing: 0, doubled: 0 }, JSON.stringify(sample));
  assert.equal(numbers.length, count);
}
