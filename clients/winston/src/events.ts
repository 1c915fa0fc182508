import type { Readable } from 'node:stream';
import type { LogRecord } from './record/record';

/** Records that the server permanently refused. They are in the fallback. */
export interface Refusal {
  /** The server's reason: names the field, the limit and a correction. */
  readonly reason: string;
  readonly records: readonly LogRecord[];
}

/** The buffer is full, and new records go to the fallback. */
export interface Overflow {
  /** The total number of records that did not fit so far. */
  readonly overflowed: number;
}

/** The server refuses the key, or the connection without one. The records stay in memory. */
export class AccessDenied extends Error {
  override readonly name = 'AccessDenied';
}

/** The connection was lost or could not be opened. */
export interface Disconnection {
  readonly reason: string;
  readonly retryInMs: number;
}

/**
 * The events of the transport in addition to those of every stream. None of them is `error`: an
 * unhandled `error` event ends the process, and an unavailable log server must not do so.
 */
export interface TransportEvents {
  /** The server has permanently refused records. */
  refused: [refusal: Refusal];
  /** A record did not fit in the buffer, but the previous one did. */
  overflow: [overflow: Overflow];
  /**
   * The server refuses the key. Emitted once per reason, until the server acknowledges a batch. A
   * logger of winston emits it as well.
   */
  warn: [denied: AccessDenied];
  /** The server has responded, for the first time or after a disconnection. */
  connected: [];
  /** The connection was lost, or another attempt to connect failed. */
  disconnected: [disconnection: Disconnection];
}

/** Including the events of every stream. */
export interface AllEvents extends TransportEvents {
  close: [];
  drain: [];
  error: [error: Error];
  finish: [];
  pipe: [source: Readable];
  unpipe: [source: Readable];
}

/** Emits an event. */
export type Emit = <E extends keyof TransportEvents>(event: E, ...details: TransportEvents[E]) => void;
