// A winston transport that sends each line over gRPC, like services with the contract
// `LoggerService.Logger/SendLog`.
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import Transport from 'winston-transport';

const contract = fileURLToPath(new URL('../../../proto/logger.proto', import.meta.url));
const { LoggerService } = grpc.loadPackageDefinition(protoLoader.loadSync(contract, { keepCase: true }));

export class LogStreamTransport extends Transport {
  constructor({ address, node, ...options }) {
    super(options);
    this.node = node;
    this.client = new LoggerService.Logger(address, grpc.credentials.createInsecure());
  }

  // Retries while the server is unavailable. A refused line is an event, and the service continues.
  log({ timestamp, level, message }, next) {
    const line = { node: this.node, timestamp, level, message };
    const deadline = Date.now() + 120_000;
    const send = () =>
      this.client.SendLog(line, { waitForReady: true, deadline }, (error, answer) => {
        if (error?.code === grpc.status.UNAVAILABLE && Date.now() < deadline) return setTimeout(send, 100);
        this.emit(error || !answer.success ? 'refused' : 'logged', line, error);
        next();
      });
    send();
  }

  close() {
    this.client.close();
  }
}
