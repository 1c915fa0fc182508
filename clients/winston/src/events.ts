import type { Readable } from 'node:stream';
import type { LogRecord } from './record/record';

/** Records that the server does not take as they are. They have gone to the fallback. */
export interface Refusal {
  /** The server's: names the field, the limit and the way out. */
  readonly reason: string;
  readonly records: readonly LogRecord[];
}

/** The buffer is full, and newer records go to the fallback. */
export interface Overflow {
  /** The records that have found no room so far, in all. */
  readonly overflowed: number;
}

/** The connection is lost, or could not be made. */
export interface Disconnection {
  readonly reason: string;
  readonly retryInMs: number;
}

/**
 * The events of the transport beside those of every stream. None of them is `error`: that
 * one ends a process that does not listen, and a log server that is away is no reason to.
 */
export interface TransportEvents {
  /** The server has refused records for good. */
  refused: [refusal: Refusal];
  /** A record found no room in the buffer, and the one before had. */
  overflow: [overflow: Overflow];
  /** The server has answered, for the first time or after a disconnection. */
  connected: [];
  /** The connection is lost, or another attempt to connect has failed. */
  disconnected: [disconnection: Disconnection];
}

/** With those of every stream. */
export interface AllEvents extends TransportEvents {
  close: [];
  drain: [];
  error: [error: Error];
  finish: [];
  pipe: [source: Readable];
  unpipe: [source: Readable];
}

/** Tells of an event. */
export type Emit = <E extends keyof TransportEvents>(event: E, ...details: TransportEvents[E]) => void;
