import { setTimeout as sleep } from 'node:timers/promises';

/** The timeout of a test; reached only on failure. */
const PATIENCE_MS = 60_000;

/** Polls until `probe` returns a value other than `undefined` or `false`. */
export async function until<T>(what: string, probe: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    await sleep(20);
  }
  throw new Error(`waited ${PATIENCE_MS} ms in vain until ${what}`);
}
