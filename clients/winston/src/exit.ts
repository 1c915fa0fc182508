// The end of the process: one pair of handlers for all transports, because one listener each would
// soon cause Node's warning about too many listeners.

/** An object with work to finish before the process ends. */
export interface Exiting {
  readonly isIdle: boolean;
  drain(): Promise<void>;
  abandon(): void;
}

const open = new Set<Exiting>();

/** Registers for the end of the process. */
export function watchExit(exiting: Exiting): void {
  if (open.size === 0) process.on('beforeExit', beforeExit).on('exit', exit);
  open.add(exiting);
}

export function unwatchExit(exiting: Exiting): void {
  open.delete(exiting);
  if (open.size === 0) process.off('beforeExit', beforeExit).off('exit', exit);
}

/** The event loop is empty, so there is time to drain. Node emits this again afterwards. */
function beforeExit(): void {
  for (const exiting of open) if (!exiting.isIdle) void exiting.drain();
}

/** `process.exit()` was called, or the timeout is over: nothing asynchronous can run any more. */
function exit(): void {
  for (const exiting of open) exiting.abandon();
}
