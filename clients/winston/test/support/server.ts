// The real server, started like by a user.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LogboomTransport } from '../../src';
import { until } from './until';

/** A record, as returned by the server's API. */
export interface StoredRecord {
  readonly position: string;
  readonly time: string;
  readonly level: string;
  readonly severity: number;
  readonly service: string;
  readonly node: string;
  readonly message: string;
  readonly trace_id?: string;
  readonly span_id?: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

interface Page {
  readonly records: StoredRecord[];
  readonly next_cursor: string | null;
}

interface Addresses {
  /** The dashboard and the HTTP API. */
  readonly http: string;
  /** The gRPC-only listener. */
  readonly grpc: string;
}

const ANY_PORT: Addresses = { http: '127.0.0.1:0', grpc: '127.0.0.1:0' };

export class Server {
  private readonly folder = mkdtempSync(join(tmpdir(), 'logboom-winston-'));
  private addresses = ANY_PORT;
  private child: ChildProcess | undefined;

  private constructor(
    private readonly program: string,
    private readonly options: readonly string[],
  ) {}

  /** Starts the program of LOGBOOM_PROGRAM, on its own ports and folder. */
  static async start(...options: string[]): Promise<Server> {
    const program = process.env.LOGBOOM_PROGRAM;
    if (!program) throw new Error('LOGBOOM_PROGRAM is not set: these tests need the path of the logboom program');
    const server = new Server(program, options);
    await server.start();
    return server;
  }

  /** The address of the HTTP API. */
  get url(): string {
    return `http://${this.addresses.http}`;
  }

  get address(): string {
    return this.addresses.grpc;
  }

  /** A path for a test's file. */
  file(name: string): string {
    return join(this.folder, name);
  }

  /** Starts it, later on the same ports and folder. */
  async start(): Promise<void> {
    const { http, grpc } = this.addresses;
    const options = ['serve', '--data', join(this.folder, 'data'), '--listen', http, '--grpc-listen', grpc, '--log', 'warn'];
    const child = spawn(this.program, [...options, ...this.options], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.child = child;
    this.addresses = await Promise.race([announced(child), ended(child)]);
    await until('the server is ready', () =>
      fetch(`http://${this.addresses.http}/readyz`).then(
        (answer) => answer.ok,
        () => false,
      ),
    );
  }

  /** Kills it, like a power loss. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Stops it gracefully. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /**
   * The stored records, in storage order. The server stores records in the order of
   * acknowledgement, with a short delay. When a final record is stored, so are all earlier ones.
   */
  async records(query: string): Promise<StoredRecord[]> {
    await this.mark();
    const records: StoredRecord[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await this.page(query, cursor);
      records.push(...page.records);
      cursor = page.next_cursor ?? null;
    }
    return records.sort((one, other) => Number(BigInt(one.position) - BigInt(other.position)));
  }

  /** Pushes a file of JSON lines over HTTP. */
  async push(file: string): Promise<void> {
    const answer = await fetch(`http://${this.addresses.http}/api/v1/push`, { method: 'POST', body: readFileSync(file) });
    if (!answer.ok) throw new Error(await answer.text());
  }

  private async mark(): Promise<void> {
    const service = `mark-${process.hrtime.bigint()}`;
    const transport = new LogboomTransport({ address: this.address, service });
    transport.log({ level: 'info', message: 'mark' }, () => {});
    await transport.close();
    await until('the mark is stored', async () => (await this.page(`service:${service}`)).records.length > 0);
  }

  private async page(query: string, cursor?: string): Promise<Page> {
    const parameters = new URLSearchParams({ query, limit: '10000', from: '1970-01-01T00:00:00Z', to: '2200-01-01T00:00:00Z' });
    if (cursor !== undefined) parameters.set('cursor', cursor);
    const answer = await fetch(`http://${this.addresses.http}/api/v1/logs?${parameters}`);
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as Page;
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }
}

/** Parses the addresses in the program's ready message. */
async function announced(child: ChildProcess): Promise<Addresses> {
  if (!child.stdout) throw new Error('the program has no standard output');
  let http: string | undefined;
  for await (const line of createInterface(child.stdout)) {
    http ??= /dashboard +http:\/\/([^/]+)\//.exec(line)?.[1];
    const grpc = /gRPC +(.+)$/.exec(line)?.[1]?.split(', ').at(-1);
    if (http !== undefined && grpc !== undefined) {
      child.stdout.resume();
      return { http, grpc };
    }
  }
  throw new Error('the program has not said where it listens');
}

async function ended(child: ChildProcess): Promise<never> {
  const [code] = (await once(child, 'exit')) as [number | null];
  throw new Error(`the program ended with ${code} before it was ready`);
}
