import { existsSync, readFileSync } from 'node:fs';

/** A line that a fallback has written. */
export type Line = Readonly<Record<string, unknown>>;

export function linesIn(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);
}

/** The lines of a fallback file; none where nothing fell back. */
export function linesOf(path: string): Line[] {
  return existsSync(path) ? linesIn(readFileSync(path, 'utf8')) : [];
}
