// JSON over TCP: the packets of services that find the log server through a distributor,
// and lines.
import { type Socket, connect } from 'node:net';
import { once } from 'node:events';
import { Api, stored, unique } from '../fixtures/api.ts';
import { Microservice } from '../fixtures/microservices.ts';
import { freePort } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

let program: Program;
let api: Api;
let [tcpPort, distributorPort]: [number, number] = [0, 0];
let distributor: Microservice;
const startDistributor = () => Microservice.start('distributor.mjs', distributorPort);

test.beforeAll(async ({ engines }) => {
  [tcpPort, distributorPort] = [await freePort(), await freePort()];
  distributor = await startDistributor();
  program = await Program.start(
    engines,
    '--tcp-listen', `127.0.0.1:${tcpPort}`, '--otlp-listen', `127.0.0.1:${await freePort()}`,
    '--distributor', `127.0.0.1:${distributorPort}`, '--advertise', 'localhost',
  );
  api = new Api(program.url);
});
test.afterAll(async () => {
  await program.remove();
  await distributor.stop();
});

/** A direct connection to the door. */
async function connected(): Promise<Socket> {
  const socket = connect(tcpPort, '127.0.0.1');
  socket.setNoDelay(true);
  await once(socket, 'connect');
  return socket;
}

test('S2: a TCP listener whose packets are JSON objects, each ended by `¶` (from a service that finds it by the distributor, also in pieces)', async () => {
  const place = { port: tcpPort, name: 'logs', urls: ['POST/logs'], host: 'localhost' };
  expect(await distributor.next()).toEqual({ registered: place });
  await distributor.stop();
  distributor = await startDistributor();
  expect(await distributor.next()).toEqual({ registered: place });

  const members = await Microservice.start('members.mjs', distributorPort);
  try {
    expect(await members.next()).toEqual({ place });
    const service = unique('members');
    const logs = (first: number, count: number, form: (log: object) => unknown) =>
      Array.from({ length: count }, (_, n) => form({ service, level: 'warn', message: `가입 ${first + n} ¶ 완료`, userid: first + n }));
    // `params` is a text, as these services send it, or an object.
    expect(await members.ask({ how: 'together', lines: logs(0, 20, (log) => JSON.stringify(log)) })).toEqual({ written: 20 });
    expect(await members.ask({ how: 'pieces', bytes: 1, lines: logs(20, 1, (log) => JSON.stringify(log)) })).toEqual({ written: 1 });
    expect(await members.ask({ how: 'pieces', bytes: 7, lines: logs(21, 9, (log) => log) })).toEqual({ written: 9 });
    const records = await stored(api, service, 30);
    const numbers = records.map(({ attributes }) => Number(attributes.userid)).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: 30 }, (_, n) => n));
    for (const record of records) {
      expect(record).toMatchObject({
        message: `가입 ${record.attributes.userid} ¶ 완료`,
        level: 'warn',
        severity: 13,
        attributes: { uri: '/logs', method: 'POST', key: 0 },
      });
    }
  } finally {
    await members.stop();
  }
});

test('takes packets and lines in any order, with time and trace', async () => {
  const service = unique('lines');
  const time = '2026-11-20T10:20:30.123456789Z';
  const trace_id = '5b8efff798038103d269b633813fc60c';
  const socket = await connected();
  socket.write(`${JSON.stringify({ service, msg: 'a line', level: 30, time, trace_id })}\n`);
  socket.write(`{"uri":"/logs","method":"POST","key":7,"params":{"service":"${service}","message":"a packet"}}¶`);
  socket.write(`{"uri":"/logs","method":"POST","key":0,"params":{"service":"${service}","message":"another"}}¶\n`);
  // The last packet needs no terminator.
  socket.end(JSON.stringify({ service, message: 'the last' }));
  const records = await stored(api, service, 4);
  expect(records[0]).toMatchObject({ message: 'a line', level: 'info', time, trace_id });
  expect(records.slice(1).map(({ message }) => message).sort()).toEqual(['a packet', 'another', 'the last']);
});

test('what does not read costs itself alone', async () => {
  const service = unique('garbage');
  const good = (message: string) => JSON.stringify({ service, message });
  const socket = await connected();
  socket.write(`${good('first')}\nno JSON at all\n{"message":\n[]\n7\n{}\n{"open": "¶${good('second')}¶`);
  socket.write(Buffer.from([0xff, 0xfe, 0x0a]));
  socket.write(`${'{"a":'.repeat(200)}1${'}'.repeat(200)}\n`);
  socket.write(`${JSON.stringify({ service, message: 'x'.repeat((1 << 20) + 1) })}\n`);
  socket.end(`${good('third')}\n`);
  const records = await stored(api, service, 3);
  expect(records.map(({ message }) => message).sort()).toEqual(['first', 'second', 'third']);
  // The client gets no response, so the refusal is counted.
  const metrics = await (await api.get('/metrics')).text();
  expect(Number(/logboom_messages_refused_total\{door="tcp"\} (\d+)/.exec(metrics)?.[1])).toBeGreaterThanOrEqual(9);
});

test('a message without end closes its connection, and no other', async () => {
  const service = unique('endless');
  const other = await connected();
  other.write('{"message":"half a mess');
  const socket = await connected();
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (let sent = 0; sent < 3 && !socket.destroyed; sent++) socket.write('x'.repeat(1 << 20));
  await closed;
  other.end(`age","service":"${service}"}\n`);
  expect(await stored(api, service)).toMatchObject([{ message: 'half a message' }]);
});
