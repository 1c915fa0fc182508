// The server's bounds. What is past one of them is refused, so it is cut before it is sent.

/** The bytes of a message. */
export const MESSAGE_BYTES = 1 << 20;
/** The attributes of a record. */
export const ATTRIBUTES = 256;
/** The bytes of an attribute's key. */
export const KEY_BYTES = 256;
/** The bytes of an attribute's value. */
export const VALUE_BYTES = 64 << 10;
/** The bytes of a service, a node or a level. */
export const NAME_BYTES = 256;
/** The records of a batch. */
export const BATCH_RECORDS = 10_000;

// Our own, below the server's 8 MiB for a batch.

/**
 * The bytes of all values of a record: with a message of full length it still fits the
 * 4 MiB that proxies allow a gRPC message.
 */
export const RECORD_VALUE_BYTES = 2 << 20;
/**
 * The bytes past which a batch takes no further record. The server also bounds what a
 * batch takes in its memory, where a short attribute weighs many times its encoded bytes.
 */
export const BATCH_BYTES = 2 << 20;
/** How deep fields may be nested. */
export const DEPTH = 32;
