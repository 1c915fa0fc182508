/** Records by what has become of them: `received = acknowledged + fellBack + buffered`. */
export interface Counters {
  /** From winston. */
  readonly received: number;
  /** Durable on the server. */
  readonly acknowledged: number;
  /** Handed to the fallback, for whatever reason. */
  readonly fellBack: number;
  /** Of those: for want of room in the buffer. */
  readonly overflowed: number;
  /** Of those: because the server does not take them. */
  readonly refused: number;
  /** In memory now. */
  readonly buffered: number;
}
