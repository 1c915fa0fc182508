/** What an attribute may hold. */
export type Value = string | number | bigint | boolean;

/** One field of a record beside those that every record has. */
export interface Attribute {
  readonly key: string;
  readonly value: Value;
}

/** A log record as the server takes it: within the server's limits, and well-formed. */
export interface LogRecord {
  /** Nanoseconds since the Unix epoch. */
  readonly timeUnixNano: bigint;
  readonly level: string;
  readonly service: string;
  readonly node: string;
  readonly message: string;
  /** In the order in which they were found; of several with one key the last counts. */
  readonly attributes: readonly Attribute[];
  /** 32 hexadecimal digits. */
  readonly traceId?: string;
  /** 16 hexadecimal digits. */
  readonly spanId?: string;
}

/** Who sends: holds for the records that name no service or node of their own. */
export interface Sender {
  readonly service: string;
  readonly node: string;
}
