// The systems that Logboom replaces: what each of them did, sentence by sentence. A test whose title begins with the
// system and the sentence shows it; here are those that no other spec has, and a check that none is missing.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { Api, stored, unique } from '../fixtures/api.ts';
import { python } from '../fixtures/clients.ts';
import { Microservice } from '../fixtures/microservices.ts';
import { freePort, until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { Proxy } from '../fixtures/proxy.ts';
import { protocols, Receiver } from '../fixtures/receiver.ts';
import { inStore } from '../fixtures/sinks.ts';
import { expect, test } from '../fixtures/test.ts';

/** S2 is a log microservice, S3 a buffering agent, S4 clustered collectors. One sentence has two tests. */
const SENTENCES = [
  'S2: a TCP listener whose packets are JSON objects, each ended by `¶`',
  'S2: registers itself with a distributor',
  'S2: writes each log to an append-only file and to Elasticsearch at once',
  'S2: the storage can change without touching any service',
  'S2: services that cannot reach the log server fall back to their console',
  'S3: `POST /put` takes JSON and answers {"result":"ok"} once buffered',
  'S3: holds logs while the downstream (Logstash by TCP, or a database) is down and delivers them when it is back, oldest first, none lost: by TCP',
  'S3: holds logs while the downstream (Logstash by TCP, or a database) is down and delivers them when it is back, oldest first, none lost: a database',
  'S3: keeps a second copy by day for 7 days',
  'S3: a day can be re-sent after the downstream lost it',
  'S4: several workers share the load',
  'S4: one that dies is replaced and the others go on',
  'S4: no single point of failure',
];

test('each sentence of the sources is named by a test', () => {
  const specs = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.spec.ts'));
  const titles = specs.flatMap((file) => {
    const text = readFileSync(join(import.meta.dirname, file), 'utf8');
    return [...text.matchAll(/^ *test\(\s*(['"`])(.*?)\1,/gm)].map((found) => found[2]!);
  });
  expect(titles.length, 'the titles are read').toBeGreaterThan(100);
  expect(SENTENCES.filter((sentence) => !titles.some((title) => title.startsWith(sentence)))).toEqual([]);
});

const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, n) => n + from);

test('S2: registers itself with a distributor (the packet as documented, again 3 s after the connection is lost)', async ({ engines }) => {
  const registrations: { packet: string; time: number; socket: Socket }[] = [];
  const distributor = createServer((socket) => {
    let packet = '';
    socket.on('error', () => {});
    socket.on('data', (data) => {
      packet += data.toString();
      if (packet.endsWith('¶')) registrations.push({ packet, time: Date.now(), socket });
    });
  });
  const [port, tcpPort] = [await freePort(), await freePort()];
  // It starts before the distributor does.
  const program = await Program.start(engines, '--tcp-listen', `127.0.0.1:${tcpPort}`, '--distributor', `127.0.0.1:${port}`);
  try {
    distributor.listen(port, '127.0.0.1');
    for (const count of [1, 2, 3]) {
      await until('it registers', async () => registrations.length === count, 120, 5);
      const { packet, socket } = registrations.at(-1)!;
      const params = { port: tcpPort, name: 'logs', urls: ['POST/logs'] };
      expect(packet.slice(-1)).toBe('¶');
      expect(JSON.parse(packet.slice(0, -1))).toEqual({ uri: '/distributes', method: 'POST', key: 0, params });
      if (count < 3) socket.destroy();
    }
    for (const n of [1, 2]) {
      const seconds = (registrations[n]!.time - registrations[n - 1]!.time) / 1000;
      expect(seconds).toBeGreaterThan(2.5);
      // Not a growing pause; a busy machine adds to it.
      expect(seconds).toBeLessThan(30);
    }
    expect(registrations.at(-1)!.socket.destroyed, 'the last connection stays open').toBe(false);
  } finally {
    await program.remove();
    distributor.close();
  }
});

test('S2: the storage can change without touching any service (file, then another store and Elasticsearch, then neither sink)', async ({ engines }) => {
  const name = unique('moved');
  const [distributorPort, tcpPort] = [await freePort(), await freePort()];
  const distributor = await Microservice.start('distributor.mjs', distributorPort);
  const receiver = new Receiver(await freePort(), protocols.elasticsearch, () => false);
  await receiver.start();
  const doors = ['--tcp-listen', `127.0.0.1:${tcpPort}`, '--distributor', `127.0.0.1:${distributorPort}`, '--advertise', 'localhost'];
  const program = await Program.unstarted({});
  const file = program.file('logs.txt');
  const inFile = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line).message) : []);
  const indexed = () => [...new Set(receiver.stored.map(({ message }) => message))];
  const inApi = async (count: number) => (await stored(new Api(program.url), name, count)).map(({ message }) => message).sort();
  program.configure({}, ...doors, '--sink', `${name}-file=file://${file}?query=service:${name}`);
  await program.start();
  // One process throughout. It knows nothing but the distributor.
  const service = await Microservice.start('members.mjs', distributorPort);
  const log = async (...texts: string[]) => {
    const lines = texts.map((message) => JSON.stringify({ service: name, message }));
    expect(await service.ask({ how: 'together', lines })).toEqual({ written: texts.length });
  };
  const connects = async () => expect(await service.next()).toMatchObject({ place: { port: tcpPort } });
  try {
    await connects();
    await log('one', 'two');
    expect(await inApi(2)).toEqual(['one', 'two']);
    await until('both are in the file', async () => inFile().length === 2);

    // The store of the pair, in a folder of its own if it is the embedded one.
    await program.stop();
    rmSync(program.file('data'), { recursive: true });
    program.configure(engines, ...doors, '--sink', `${name}-es=elasticsearch+http://127.0.0.1:${receiver.port}/logs?query=service:${name}`);
    await program.start();
    await connects();
    await log('three', 'four');
    expect(await inApi(2)).toEqual(['four', 'three']);
    await until('both are in Elasticsearch', async () => indexed().length === 2);

    await program.stop();
    program.configure(engines, ...doors);
    await program.start();
    await connects();
    await log('five');
    expect(await inApi(3)).toEqual(['five', 'four', 'three']);
    expect(inFile().sort()).toEqual(['one', 'two']);
    expect(indexed().sort()).toEqual(['four', 'three']);
  } finally {
    await service.stop();
    await program.remove();
    await distributor.stop();
    await receiver.stop();
  }
});

test('S2: services that cannot reach the log server fall back to their console (winston: what does not fit in memory, and what is left at the end)', async ({ engines }) => {
  const name = unique('console');
  const program = await Program.unstarted(engines);
  const script = join(import.meta.dirname, '../services/winston/console.mjs');
  const options = { address: program.grpcAddress, service: name, maxBufferedRecords: 20, flushTimeoutMs: 300 };
  const service = fork(script, [JSON.stringify(options)], { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let output = '';
  service.stderr!.on('data', (data) => (output += data));
  const printed = () => output.split('\n').slice(0, -1).map((line) => JSON.parse(line).n as number);
  const ask = async (message: object) => {
    service.send(message);
    return (await once(service, 'message'))[0];
  };
  try {
    expect(await ask({ from: 0, to: 50 })).toMatchObject({ received: 50, acknowledged: 0, buffered: 20, overflowed: 30 });
    await until('the console has what does not fit', async () => printed().length === 30);
    expect(printed()).toEqual(numbers(30, 20));

    await program.start();
    expect(await ask({ from: 50, to: 50, flush: true })).toMatchObject({ acknowledged: 20, fellBack: 30, buffered: 0 });
    const api = new Api(program.url);
    const arrived = async (count: number) => (await stored(api, name, count)).map(({ attributes }) => Number(attributes.n)).sort((a, b) => a - b);
    expect(await arrived(20)).toEqual(numbers(20));

    await program.kill();
    expect(await ask({ from: 50, to: 60 })).toMatchObject({ received: 60, buffered: 10 });
    const ended = once(service, 'exit');
    service.disconnect();
    expect(await ended).toEqual([0, null]);
    await until('the console has the rest', async () => printed().length === 40);
    expect(printed()).toEqual(numbers(40, 20));

    // As documented, the server takes the lines of the console.
    await program.start();
    expect(await api.post(output)).toMatchObject({ status: 200, body: { accepted: 40, rejected: 0 } });
    expect(await arrived(60)).toEqual(numbers(60));
  } finally {
    service.kill('SIGKILL');
    await program.remove();
  }
});

test('S3: holds logs while the downstream (Logstash by TCP, or a database) is down and delivers them when it is back, oldest first, none lost: a database', async ({ engines }) => {
  const service = unique('held');
  // PostgreSQL, if it is the store of the pair; the embedded store is within the receiver.
  const database = engines.store ? await Proxy.before(engines.store) : undefined;
  const receiver = await Program.start({ ...engines, store: database?.url });
  const elasticsearch = new Receiver(await freePort(), protocols.elasticsearch, () => false);
  const agents = [
    await Program.agent('--to', receiver.url),
    await Program.agent('--to', `elasticsearch+http://127.0.0.1:${elasticsearch.port}/logs`),
  ];
  const put = async (from: number, to: number) => {
    for (let order = from; order < to; order += 1) {
      for (const agent of agents) {
        const body = JSON.stringify({ service, message: `order ${order}` });
        const answer = await fetch(`${agent.url}/put`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
        expect([answer.status, await answer.json()]).toEqual([200, { result: 'ok' }]);
      }
    }
  };
  const health = async (agent: Program) => (await fetch(`${agent.url}/healthz`)).json() as Promise<any>;
  const held = async (agent: Program, records: number) =>
    until('the agent holds them', async () => {
      const { waiting, destinations } = await health(agent);
      return waiting.records === records && destinations[0].state === 'failing';
    });
  const orders = (count: number) => numbers(count).map((order) => `order ${order}`);
  const api = new Api(receiver.url);
  const first = () => [...new Set(elasticsearch.stored.map(({ message }) => message))];
  try {
    // The database alone is away.
    await database?.cut();
    await put(0, 40);
    await until('they wait in front of the database', async () => (await health(agents[0]!)).delivered === 40);
    // So is all that is in front of it, and what is held outlives the agents.
    await receiver.kill();
    await put(40, 80);
    await held(agents[1]!, 80);
    for (const agent of agents) {
      await agent.kill();
      await agent.start();
    }
    await put(80, 100);
    await held(agents[0]!, 60);
    await database?.restore();
    await receiver.start();
    elasticsearch.faults.push('is too busy', 'dies', 'hangs up');
    await elasticsearch.start();

    await until('all are in the store', async () => (await inStore(api, service)).length >= 100);
    expect((await stored(api, service, 100)).map(({ message }) => message)).toEqual(orders(100));
    // RabbitMQ puts what a node could not store behind newer batches. What the agent held is stored in its order.
    const heldByAgent = (await inStore(api, service)).map(({ message }) => message).filter((message) => orders(100).indexOf(message) >= 40);
    expect(heldByAgent).toEqual(orders(100).slice(40));
    await until('all are in Elasticsearch', async () => first().length === 100);
    expect(first()).toEqual(orders(100));
    expect(new Set(elasticsearch.stored.map(({ id }) => id)).size, 'each has one id').toBe(100);
  } finally {
    for (const agent of agents) await agent.remove();
    await receiver.remove();
    await elasticsearch.stop();
    await database?.cut();
  }
});

test('S3: keeps a second copy by day for 7 days (older days leave it, and it outlives the store)', async ({ engines }) => {
  const service = unique('copy');
  const today = Date.now();
  const day = (ago: number) => new Date(today - ago * 86_400_000).toISOString().slice(0, 10);
  const program = await Program.unstarted(engines);
  const archive = program.file('archive');
  const options = ['--archive', `file://${archive}`, '--archive-every', '1s', '--archive-grace', '0s'];
  const days = () => (existsSync(archive) ? readdirSync(archive).filter((name) => existsSync(join(archive, name, 'manifest.json'))).sort() : []);
  const closed = (count: number) => numbers(count, 1).map(day).sort();
  // Nine days are kept at first, so that a shorter limit has days to delete.
  program.configure(engines, ...options, '--archive-days', '9');
  await program.start();
  try {
    const api = new Api(program.url);
    for (const ago of numbers(10)) {
      await api.push(...numbers(5).map((n) => ({ service, message: `order ${n}`, time: `${day(ago)}T00:00:00Z` })));
    }
    // DuckDB reads the files without Logboom.
    const copied = async () => {
      const query = `select strftime(time at time zone 'UTC', '%Y-%m-%d'), count(*)::int, count(distinct message)::int
        from '${archive}/*/*.parquet' where service = '${service}' group by 1 order by 1`;
      return JSON.parse(await program.run(python, '-c', `import duckdb, json; print(json.dumps(duckdb.sql("""${query}""").fetchall()))`));
    };
    const whole = (count: number) => closed(count).map((name) => [name, 5, 5]);
    // Until the first day is there, no file is.
    await expect.poll(() => copied().catch(String)).toEqual(whole(9));
    // A file is written before the manifest that names it.
    await expect.poll(days).toEqual(closed(9));

    // By default it keeps seven.
    await program.stop();
    program.configure(engines, ...options);
    await program.start();
    await until('older days are deleted', async () => days().length <= 7);
    // A manifest is deleted before the files that it names.
    await expect.poll(() => copied().catch(String)).toEqual(whole(7));
    expect(days()).toEqual(closed(7));
    await program.stop();
    rmSync(program.file('data'), { recursive: true, force: true });
    const check = await program.run('logboom', 'archive', 'check', `file://${archive}`);
    expect(check.trim().split('\n').map((line) => line.split('\t').slice(0, 2)).sort()).toEqual(closed(7).map((name) => [name, 'good']));
    expect(await copied()).toEqual(whole(7));
  } finally {
    await program.remove();
  }
});
