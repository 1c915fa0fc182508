/** Numbers of records by state: `received = acknowledged + fellBack + buffered`. */
export interface Counters {
  /** Received from winston. */
  readonly received: number;
  /** Durable on the server. */
  readonly acknowledged: number;
  /** Written to the fallback, for any reason. */
  readonly fellBack: number;
  /** Of those: because the buffer was full. */
  readonly overflowed: number;
  /** Of those: because the server refused them. */
  readonly refused: number;
  /** In memory now. */
  readonly buffered: number;
}
