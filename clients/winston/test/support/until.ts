import { setTimeout as sleep } from 'node:timers/promises';

/** How long a test waits for what must come: only a failure takes as long. */
const PATIENCE_MS = 60_000;

/** Waits until `probe` gives something else than `undefined` or `false`. */
export async function until<T>(what: string, probe: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    await sleep(20);
  }
  throw new Error(`waited ${PATIENCE_MS} ms in vain until ${what}`);
}
