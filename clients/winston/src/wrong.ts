import { inspect } from 'node:util';

/** The error of a wrong option: its name, its value and the valid values. Not for secrets. */
export function wrong(option: string, value: unknown, way: string): TypeError {
  return new TypeError(`${option}: ${inspect(value, { depth: 1 })}; ${way}`);
}
