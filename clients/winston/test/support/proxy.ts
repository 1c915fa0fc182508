// A TCP proxy that can drop the server's responses and close connections.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class Proxy {
  private readonly sockets = new Set<Socket>();
  private isDeaf = false;

  private constructor(
    private readonly server: Server,
    readonly address: string,
  ) {}

  static async before(target: string): Promise<Proxy> {
    const [host, port] = target.split(':');
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new Proxy(server, `127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('connection', (client) => proxy.join(client, connect(Number(port), host)));
    return proxy;
  }

  /** Drops all further responses on existing connections. */
  loseAnswers(): void {
    this.isDeaf = true;
  }

  /** Closes all connections; new ones work. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
    this.isDeaf = false;
  }

  close(): void {
    this.server.close();
    this.cut();
  }

  private join(client: Socket, server: Socket): void {
    client.on('data', (bytes) => server.write(bytes));
    server.on('data', (bytes) => {
      if (!this.isDeaf) client.write(bytes);
    });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        this.sockets.delete(one);
        other.destroy();
      });
    }
  }
}
