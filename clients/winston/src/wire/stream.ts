import { Client, type ClientDuplexStream, type ChannelCredentials, Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { type Answer, decodeAnswer } from './answer';
import { STREAM } from './contract';

/** A call that sends encoded requests. */
type Call = ClientDuplexStream<Uint8Array, Answer>;

/** The timeout for the server to end a stream after we have ended it. */
const FAREWELL_MS = 1000;

const CHANNEL_OPTIONS = {
  // The link reconnects with its own backoff. Separate subchannels avoid waiting for the backoff of
  // another connection to the same address.
  'grpc.use_local_subchannel_pool': 1,
  // Batches are resent under their ids on a new stream. gRPC's retries would keep a copy of
  // everything written.
  'grpc.enable_retries': 0,
  // Detects a vanished peer while batches are in flight.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
};

/** Receives the responses of one stream, and the status and reason of its end. */
export interface StreamListener {
  answered(answer: Answer): void;
  ended(reason: string, code: number): void;
}

/** A connection to the server, opened by the first stream. */
export class Connection {
  // Private at run time as well, so that no inspection of an object shows the key.
  readonly #client: Client;
  readonly #metadata = new Metadata();

  constructor(address: string, credentials: ChannelCredentials, serverName: string | undefined, key: string | undefined) {
    // Not as call credentials, which gRPC refuses on a connection without TLS.
    if (key !== undefined) this.#metadata.set('authorization', `Bearer ${key}`);
    this.#client = new Client(address, credentials, {
      ...CHANNEL_OPTIONS,
      ...(serverName !== undefined && {
        'grpc.ssl_target_name_override': serverName,
        'grpc.default_authority': serverName,
      }),
    });
  }

  open(listener: StreamListener): LogStream {
    const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new LogStream(this.#client.makeBidiStreamRequest(STREAM, asBuffer, decodeAnswer, this.#metadata), listener);
  }

  close(): void {
    this.#client.close();
  }
}

/** One `Stream` call. An open one keeps the process alive. */
export class LogStream {
  // Private at run time: it has the key.
  readonly #call: Call;
  private listener: StreamListener | undefined;

  constructor(call: Call, listener: StreamListener) {
    this.#call = call;
    this.listener = listener;
    call.on('data', (answer: Answer) => this.listener?.answered(answer));
    // Every end is also reported as a status.
    call.on('error', () => {});
    call.on('status', ({ code, details }: StatusObject) => {
      const listener = this.listener;
      this.listener = undefined;
      listener?.ended(reasonOf(code, details), code);
    });
  }

  /** The call buffers what is not yet written; the server's window limits it. */
  send(request: Uint8Array): void {
    this.#call.write(request);
  }

  /** Ends the call; its listener is not called any more. */
  finish(): void {
    this.listener = undefined;
    this.#call.end();
    setTimeout(() => this.#call.cancel(), FAREWELL_MS).unref();
  }

  /** Cancels the call; its listener is not called any more. */
  cancel(): void {
    this.listener = undefined;
    this.#call.cancel();
  }
}

/** Whether a status refuses the key, and not the data. */
export function isDenial(code: number): boolean {
  return code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED;
}

function reasonOf(code: status, details: string): string {
  // gRPC adds this note even if it is empty.
  return details.replace(/ Resolution note: $/, '') || (status[code] ?? `status ${code}`);
}
