import { types } from 'node:util';

/** The content of OpenTelemetry's `exception.*` attributes. */
export interface Exception {
  readonly type: string;
  /** Absent if only a stack trace was found. */
  readonly message?: string;
  readonly stacktrace?: string;
}

/** The maximum number of causes in a stack trace; causes may be cyclic. */
const CAUSES = 8;

// A stack trace starts with the error's name, `TypeError: …`, or `AssertionError [CODE]: …`.
const NAME = /^([A-Za-z_$][\w$.]*)(?: \[[^\]]*\])?(?::|$)/m;

/** Errors of other realms, such as `node:vm`, are not an `instanceof Error`. */
export function isError(value: unknown): value is Error {
  return types.isNativeError(value) || value instanceof Error;
}

/** The explicit name of the error, or else its class. */
export function typeOf(error: Error): string {
  if (typeof error.name === 'string' && error.name !== '' && error.name !== 'Error') return error.name;
  return error.constructor?.name || 'Error';
}

export function exceptionOf(error: Error): Exception {
  const stacktrace = stackWithCauses(error);
  return {
    type: typeOf(error),
    message: String(error.message),
    ...(stacktrace !== undefined && { stacktrace }),
  };
}

/** For formats that keep an error's stack, but not the error. */
export function exceptionOfStack(stack: string): Exception {
  return { type: NAME.exec(stack)?.[1] ?? 'Error', stacktrace: stack };
}

function stackWithCauses(error: Error): string | undefined {
  if (typeof error.stack !== 'string') return undefined;
  let text = error.stack;
  let cause = error.cause;
  for (let told = 0; told < CAUSES && isError(cause); told += 1) {
    text += `\nCaused by: ${cause.stack ?? `${typeOf(cause)}: ${cause.message}`}`;
    cause = cause.cause;
  }
  return text;
}
