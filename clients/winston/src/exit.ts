// The end of the process: one pair of handlers for all transports, because each listener of
// its own would soon be one too many for Node's warning.

/** What has something to finish before the process ends. */
export interface Exiting {
  readonly isIdle: boolean;
  drain(): Promise<void>;
  abandon(): void;
}

const open = new Set<Exiting>();

/** To be told of the end of the process. */
export function watchExit(exiting: Exiting): void {
  if (open.size === 0) process.on('beforeExit', beforeExit).on('exit', exit);
  open.add(exiting);
}

export function unwatchExit(exiting: Exiting): void {
  open.delete(exiting);
  if (open.size === 0) process.off('beforeExit', beforeExit).off('exit', exit);
}

/** Nothing else is left to do: there is time. Node asks again after it. */
function beforeExit(): void {
  for (const exiting of open) if (!exiting.isIdle) void exiting.drain();
}

/** `process.exit()` was called, or the time is up: nothing can be waited for any more. */
function exit(): void {
  for (const exiting of open) exiting.abandon();
}
