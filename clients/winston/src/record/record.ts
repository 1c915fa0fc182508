/** The type of an attribute's value. */
export type Value = string | number | bigint | boolean;

/** A field of a record other than the built-in ones. */
export interface Attribute {
  readonly key: string;
  readonly value: Value;
}

/** A valid log record within the server's limits. */
export interface LogRecord {
  /** Nanoseconds since the Unix epoch. */
  readonly timeUnixNano: bigint;
  readonly level: string;
  readonly service: string;
  readonly node: string;
  readonly message: string;
  /** In order of discovery; of equal keys the last counts. */
  readonly attributes: readonly Attribute[];
  /** 32 hexadecimal digits. */
  readonly traceId?: string;
  /** 16 hexadecimal digits. */
  readonly spanId?: string;
}

/** The sender of a batch, for records without their own service or node. */
export interface Sender {
  readonly service: string;
  readonly node: string;
}
