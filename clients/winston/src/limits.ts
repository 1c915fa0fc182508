// The limits of the server. Longer values would be refused, so they are cut before sending.

/** Bytes per message. */
export const MESSAGE_BYTES = 1 << 20;
/** Attributes per record. */
export const ATTRIBUTES = 256;
/** Bytes per attribute key. */
export const KEY_BYTES = 256;
/** Bytes per attribute value. */
export const VALUE_BYTES = 64 << 10;
/** Bytes per service, node or level. */
export const NAME_BYTES = 256;
/** Records per batch. */
export const BATCH_RECORDS = 10_000;

// Limits of this client, below the server's 8 MiB per batch.

/**
 * Bytes of all values of a record: with a message of full length it still fits in the 4 MiB that
 * proxies allow for a gRPC message.
 */
export const RECORD_VALUE_BYTES = 2 << 20;
/**
 * Bytes at which a batch is full. The server also limits the memory of a batch, where a short
 * attribute takes many times its encoded size.
 */
export const BATCH_BYTES = 2 << 20;
/** The nesting depth of fields. */
export const DEPTH = 32;
