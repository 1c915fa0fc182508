import { StreamResponse } from './contract';

/** A refused record; the others of its batch are stored. */
export interface Rejection {
  /** Its index in the batch, from 0. */
  readonly index: number;
  readonly reason: string;
}

/** A message of the server. */
export type Answer =
  | { readonly kind: 'window'; readonly batches: number }
  | { readonly kind: 'acknowledged'; readonly sequence: number; readonly rejected: readonly Rejection[] }
  | { readonly kind: 'failed'; readonly sequence: number; readonly code: number; readonly reason: string; readonly retryAfterMs?: number }
  /** From a newer server. */
  | { readonly kind: 'unknown' };

/** `StreamResponse` of the contract, with 64-bit integers as numbers: we chose the sequences. */
interface WireAnswer {
  window?: { batches?: number };
  acknowledged?: { sequence?: number; rejected?: { index?: number; reason?: string }[] };
  failed?: { sequence?: number; code?: number; reason?: string; retryAfterMs?: number };
}

export function decodeAnswer(bytes: Uint8Array): Answer {
  // Without defaults, to distinguish an absent delay from zero.
  const wire: WireAnswer = StreamResponse.toObject(StreamResponse.decode(bytes), { longs: Number });
  if (wire.window) return { kind: 'window', batches: wire.window.batches ?? 0 };
  if (wire.acknowledged) {
    const { sequence = 0, rejected = [] } = wire.acknowledged;
    return {
      kind: 'acknowledged',
      sequence,
      rejected: rejected.map(({ index = 0, reason = '' }) => ({ index, reason })),
    };
  }
  if (wire.failed) {
    const { sequence = 0, code = 0, reason = '', retryAfterMs } = wire.failed;
    return { kind: 'failed', sequence, code, reason, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  }
  return { kind: 'unknown' };
}
