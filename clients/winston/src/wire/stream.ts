import { Client, type ClientDuplexStream, type ChannelCredentials, Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { type Answer, decodeAnswer } from './answer';
import { STREAM } from './contract';

/** The half of a call that takes encoded requests. */
type Call = ClientDuplexStream<Uint8Array, Answer>;

/** How long a server may take to end a stream that we have ended. */
const FAREWELL_MS = 1000;

const CHANNEL_OPTIONS = {
  // The link opens a connection anew, after a delay of its own. With connections of its
  // own it does not wait for the delays of another one to the same address.
  'grpc.use_local_subchannel_pool': 1,
  // Batches are sent again under their ids, on a new stream; gRPC's own retries would keep
  // a copy of everything that was written.
  'grpc.enable_retries': 0,
  // A peer that vanished without a word is noticed while something is on its way.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
};

/** Where answers of one stream go, and in the end why there are no more. */
export interface StreamListener {
  answered(answer: Answer): void;
  ended(reason: string): void;
}

/** A connection to the server, made at the first stream. */
export class Connection {
  private readonly client: Client;

  constructor(address: string, credentials: ChannelCredentials, serverName: string | undefined) {
    this.client = new Client(address, credentials, {
      ...CHANNEL_OPTIONS,
      ...(serverName !== undefined && {
        'grpc.ssl_target_name_override': serverName,
        'grpc.default_authority': serverName,
      }),
    });
  }

  open(listener: StreamListener): LogStream {
    const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new LogStream(this.client.makeBidiStreamRequest(STREAM, asBuffer, decodeAnswer, new Metadata()), listener);
  }

  close(): void {
    this.client.close();
  }
}

/** One `Stream` call. An open one keeps the process alive. */
export class LogStream {
  private listener: StreamListener | undefined;

  constructor(
    private readonly call: Call,
    listener: StreamListener,
  ) {
    this.listener = listener;
    call.on('data', (answer: Answer) => this.listener?.answered(answer));
    // Every end, with an error or without one, comes as a status, too.
    call.on('error', () => {});
    call.on('status', ({ code, details }: StatusObject) => {
      const listener = this.listener;
      this.listener = undefined;
      listener?.ended(reasonOf(code, details));
    });
  }

  /** What is not yet on the wire is kept by the call; the server's window bounds it. */
  send(request: Uint8Array): void {
    this.call.write(request);
  }

  /** Ends the call from this side; its listener hears no more. */
  finish(): void {
    this.listener = undefined;
    this.call.end();
    setTimeout(() => this.call.cancel(), FAREWELL_MS).unref();
  }

  /** Breaks the call off; its listener hears no more. */
  cancel(): void {
    this.listener = undefined;
    this.call.cancel();
  }
}

function reasonOf(code: status, details: string): string {
  // gRPC adds a note even where it has none.
  return details.replace(/ Resolution note: $/, '') || (status[code] ?? `status ${code}`);
}
