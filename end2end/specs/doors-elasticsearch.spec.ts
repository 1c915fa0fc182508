// Elasticsearch clients: the official ones, and transports of loggers.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { stored, unique } from '../fixtures/api.ts';
import { apart, client } from '../fixtures/clients.ts';
import { Doors } from '../fixtures/doors.ts';
import { Rsyslog } from '../fixtures/rsyslog.ts';
import { expect, test } from '../fixtures/test.ts';

let doors: Doors;
test.beforeAll(async ({ engines }) => {
  doors = await Doors.start(engines);
});
test.afterAll(async () => doors.remove());

const traceId = '5b8efff798038103d269b633813fc60c';
const orders = (...numbers: number[]) =>
  numbers.map((order) => ({
    message: `order ${order} is not paid: 카드`,
    level: 'error',
    severity: 17,
    trace_id: traceId,
    attributes: { order },
  }));
/** A daily index belongs to the service named by the index without the date. */
const index = (service: string) => `${service}-2026.11.21`;
/** The suffix must not be numeric by chance. */
const named = () => `${unique('elastic')}-shop`;

for (const root of ['', '/elasticsearch']) {
  test(`Elastic's client for Node.js introduces itself, sends in bulk and one at a time${root && `, below ${root}`}`, async () => {
    const service = named();
    const sent = await client('elasticsearch-client.mjs', doors.url + root, index(service));
    expect(sent).toMatchObject({
      info: { tagline: 'You Know, for Search', version: { number: expect.stringMatching(/^\d+\.\d+\.\d+$/) } },
      bulk: { total: 2, successful: 2, failed: 0, aborted: false },
      indexed: { result: 'created', _index: index(service) },
      pinged: true,
    });
    const records = await stored(doors.api, service, 3);
    expect(records).toMatchObject(orders(17, 18, 19));
    expect(records[0]).toMatchObject({ node: 'till-1', attributes: { index: index(service) } });
    expect(apart(records[0]!.time, sent.time + 0.017)).toBeLessThan(0.001);
  });
}

test("Elastic's client for Python introduces itself, sends in bulk and one at a time", async () => {
  const service = named();
  const sent = await client('elasticsearch_client.py', doors.url, index(service));
  expect(sent).toMatchObject({
    info: { tagline: 'You Know, for Search' },
    stored: 2,
    errors: [],
    bulk: { errors: false, items: [{ create: { status: 201, _index: index(service) } }] },
    indexed: { result: 'created', _id: 'mine' },
    pinged: true,
  });
  const records = await stored(doors.api, service, 4);
  expect(records).toMatchObject(orders(17, 18, 19, 20));
  expect(apart(records[0]!.time, sent.time + 0.017)).toBeLessThan(0.002);
});

test('winston-elasticsearch asks for the health of the cluster and its template, and sends', async () => {
  const service = named();
  const sent = await client('winston-elasticsearch.mjs', doors.url, index(service));
  const [record] = await stored(doors.api, service);
  expect(record).toMatchObject({ ...orders(17)[0], attributes: { 'fields.order': 17 } });
  expect(apart(record!.time, sent.time)).toBeLessThan(0.001);
});

test('pino-elasticsearch sends, and comes to an end', async () => {
  const service = named();
  const sent = await client('pino-elasticsearch.mjs', doors.url, index(service));
  const [record] = await stored(doors.api, service);
  expect(record).toMatchObject({ ...orders(17)[0], node: 'till-1' });
  expect(apart(record!.time, sent.time)).toBeLessThan(0.001);
});

test("rsyslog's omelasticsearch sends what syslog says", async () => {
  const snippet = readFileSync(resolve(import.meta.dirname, '../../docs/snippets/rsyslog-elasticsearch.conf'), 'utf8');
  const rsyslog = await Rsyslog.start(snippet.replace('3000', String(doors.program.port)));
  try {
    const service = unique('omelasticsearch');
    const time = Date.now() / 1000;
    const to = ['--server', '127.0.0.1', '--port', String(rsyslog.port)];
    execFileSync('logger', [...to, '--udp', '--rfc5424', '--tag', service, '-p', 'user.warning', 'a "quoted" 카드']);
    execFileSync('logger', [...to, '--tcp', '--rfc3164', '--tag', service, '-p', 'user.crit', 'the old form']);
    const records = await stored(doors.api, service, 2);
    const old = records.find(({ message }) => message === 'the old form');
    expect(old).toMatchObject({ level: 'crit', severity: 18 });
    const quoted = records.find(({ message }) => message === 'a "quoted" 카드');
    expect(quoted).toMatchObject({ level: 'warning', severity: 13, attributes: { index: 'syslog' } });
    expect(quoted!.node).toBe(old!.node);
    expect(apart(quoted!.time, time)).toBeLessThan(120);
  } finally {
    await rsyslog.stop();
  }
});
