// A scripted server, for responses that the real one never sends to a client within its limits.
import { type ServerDuplexStream, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { decodeRecords } from '../../src/wire/request';
import { PushRequest, STREAM, StreamResponse } from '../../src/wire/contract';

/** A received batch. */
export interface Arrived {
  readonly batchId: string;
  readonly sequence: number;
  readonly messages: readonly string[];
}

/** A call of `Stream` on the server side. */
export interface Call {
  /** Sends one message, as an object of the contract. */
  say(answer: object): void;
  /** Ends the call without an error. */
  end(): void;
  /** Ends the call with an error; `UNAVAILABLE` by default. */
  fail(reason: string, code?: status): void;
  /** The header `authorization`. */
  readonly authorization: string | undefined;
}

export interface Script {
  opened(call: Call): void;
  arrived?(call: Call, batch: Arrived): void;
}

export class ScriptedServer {
  private constructor(
    private readonly server: Server,
    readonly address: string,
  ) {}

  static async start(script: Script): Promise<ScriptedServer> {
    const server = new Server();
    const stream = {
      path: STREAM,
      requestStream: true,
      responseStream: true,
      requestSerialize: (bytes: Buffer) => bytes,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (answer: object) => Buffer.from(StreamResponse.encode(answer).finish()),
      responseDeserialize: (bytes: Buffer) => bytes,
    };
    server.addService({ stream }, { stream: (call: ServerDuplexStream<Buffer, object>) => serve(call, script) });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      );
    });
    return new ScriptedServer(server, `127.0.0.1:${port}`);
  }

  stop(): void {
    this.server.forceShutdown();
  }
}

function serve(stream: ServerDuplexStream<Buffer, object>, script: Script): void {
  const call: Call = {
    say: (answer) => void stream.write(answer),
    end: () => void stream.end(),
    fail: (details, code = status.UNAVAILABLE) => void stream.emit('error', { code, details }),
    authorization: stream.metadata.get('authorization').map(String)[0],
  };
  stream.on('error', () => {});
  stream.on('end', () => stream.end());
  stream.on('data', (request: Buffer) => script.arrived?.(call, arrivedOf(request)));
  script.opened(call);
}

function arrivedOf(request: Buffer): Arrived {
  const { batchId, sequence } = PushRequest.toObject(PushRequest.decode(request), { longs: Number, bytes: String });
  return { batchId, sequence, messages: decodeRecords(request).map(({ message }) => message) };
}
