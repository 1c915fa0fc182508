import { existsSync, readFileSync } from 'node:fs';

/** A line written by a fallback. */
export type Line = Readonly<Record<string, unknown>>;

export function linesIn(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);
}

/** The lines of a fallback file; empty without one. */
export function linesOf(path: string): Line[] {
  return existsSync(path) ? linesIn(readFileSync(path, 'utf8')) : [];
}
