// Converts 64-bit integers between `bigint` and the halves used by protobufjs.

/** A 64-bit integer in halves; the upper one has the sign. */
export interface Long {
  readonly low: number;
  readonly high: number;
}

export function toLong(value: bigint): Long {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)) };
}

export function fromLong({ low, high }: Long): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}
