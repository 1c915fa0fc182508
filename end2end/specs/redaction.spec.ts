// Redaction: secrets that come by every kind of door are nowhere in the data folder, in the files of sinks, in the archive
// and in the log; and what the operator sees of the rules.
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Api, daysAgo, metric, stored, unique } from '../fixtures/api.ts';
import { python } from '../fixtures/clients.ts';
import { Doors } from '../fixtures/doors.ts';
import { GrpcClient, status } from '../fixtures/grpc.ts';
import { freePort, until } from '../fixtures/process.ts';
import { Receiver, protocols } from '../fixtures/receiver.ts';
import { expect, test } from '../fixtures/test.ts';

const CARD = '4111 1111 1111 1111';
const RULES = ['card', 'email hash', 'jwt', 'password=any in password drop', 'pin=/pin=(\\d{9})/'];

/** The secrets of one door, and a text that has them. The address is the door's own, so that a leak names its door. */
const address = (door: string) => `kim.${door}@leak.example`;
const text = (door: string) => `paid by ${CARD} of ${address(door)}, pin=739150284`;
const LEAKS = ['4111 1111', '41111111', 'leak.example', '739150284', 'hunter2', 'eyJhbGciOi'];
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';

/** Sends bytes on a connection of their own. */
async function tcp(port: number, bytes: string | Uint8Array): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.end(bytes);
  await once(socket, 'close');
}

/** A text of MessagePack, of less than 64 KiB. */
function packed(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([0xda, bytes.length >> 8, bytes.length & 255]), bytes]);
}

/** An event of Fluent forward: `[tag, time, record]`. */
function fluent(tag: string, record: Record<string, string>): Buffer {
  const time = Buffer.alloc(5, 0xce);
  time.writeUInt32BE(Math.floor(Date.now() / 1000), 1);
  const entries = Object.entries(record).flat().map(packed);
  return Buffer.concat([Buffer.from([0x93]), packed(tag), time, Buffer.from([0x80 | Object.keys(record).length]), ...entries]);
}

async function post(url: string, body: string, type = 'application/json'): Promise<void> {
  const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': type } });
  expect(answer.ok, `${url}: ${answer.status} ${await answer.text()}`).toBe(true);
}

/** All files below a folder. */
function files(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => statSync(path).isFile());
}

/** The rows of Parquet files as JSON. */
const ROWS = `
import duckdb, sys
for path in sys.argv[1:]:
    for row in duckdb.execute("select columns(*)::varchar from read_parquet(?)", [path]).fetchall():
        print(row)
`;

test('a secret that comes by any door is nowhere on disk', async () => {
  const receiver = new Receiver(await freePort(), protocols.lines, () => true);
  await receiver.start();
  const service = unique('redaction');
  const doors = await Doors.start({});
  const { program } = doors;
  const ports = doors.ports;
  const listening = Object.entries(ports).flatMap(([name, port]) => [`--${name}-listen`, `127.0.0.1:${port}`]);
  await program.stop();
  writeFileSync(program.file('redaction.key'), '0123456789abcdef0123456789abcdef\n');
  writeFileSync(program.file('redaction.rules'), `# all of them\n${RULES.slice(1).join('\n')}\n`);
  program.configure(
    {}, ...listening,
    '--redact', RULES[0]!, '--redact-file', program.file('redaction.rules'),
    '--redact-key-file', program.file('redaction.key'),
    '--sink', `plain=file://${program.file('sinks')}/plain.log`,
    '--sink', `s2=file://${program.file('sinks')}/s2.log?format=s2`,
    '--sink', `bad=http://127.0.0.1:${receiver.port}/in`,
    '--archive', `file://${program.file('archive')}`, '--archive-every', '1s', '--archive-grace', '0s',
  );
  await program.start();
  try {
    const api = new Api(program.url);
    const now = Date.now();
    const nanos = `${now}000000`;
    await api.push(
      { service, message: text('json'), email: address('json'), card: 4111111111111111, password: 'hunter2', token: JWT },
      { service, message: 'with escapes', body: JSON.stringify({ to: address('escaped') }) },
      { service, message: 'by name', [address('name')]: true },
      { service: `${service}`, node: address('node'), level: address('level'), message: 'in names', time: CARD },
      { service, message: text('archived'), time: `${daysAgo(1)}T12:00:00Z` },
    );
    await post(`${program.url}/api/v1/push`, `{"service":"${service}","message":"to kim.raw\\u0040leak.example"}`);
    // Refused by a limit, whose error would name the attribute.
    const refused = await api.post(JSON.stringify({ service, message: 'm', [address('refused')]: 'x'.repeat(70_000) }));
    expect(JSON.stringify(refused.body)).not.toContain('leak.example');
    const bulk = [{ index: {} }, { '@timestamp': new Date(now).toISOString(), service, message: text('bulk') }];
    await post(`${program.url}/logs/_bulk`, `${bulk.map((line) => JSON.stringify(line)).join('\n')}\n`, 'application/x-ndjson');
    const stream = { service_name: service, owner: address('label') };
    await post(`${program.url}/loki/api/v1/push`, JSON.stringify({ streams: [{ stream, values: [[nanos, text('loki')]] }] }));
    const otlp = (where: string) => ({
      resourceLogs: [{
        resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
        scopeLogs: [{ logRecords: [{ timeUnixNano: nanos, body: { stringValue: text(where) } }] }],
      }],
    });
    await post(`${program.url}/v1/logs`, JSON.stringify(otlp('otlp')));
    await post(`http://127.0.0.1:${ports.otlp}/v1/logs`, JSON.stringify(otlp('otlpport')));
    const grpc = new GrpcClient(program.grpcAddress);
    const attributes = [{ key: 'email', text: address('grpc') }];
    expect((await grpc.push({ service, records: [{ message: text('grpc'), attributes }] })).code).toBe(status.OK);
    grpc.close();
    const inner = JSON.stringify({ service, message: text('packet'), password: 'hunter2' });
    await tcp(ports.tcp, `${JSON.stringify({ uri: '/logs', method: 'POST', key: 0, params: inner })}¶`);
    const plain = JSON.stringify({ service, message: text('plain') });
    await tcp(ports.tcp, `${JSON.stringify({ uri: '/logs', method: 'POST', key: 0, params: plain })}¶`);
    // Not a packet: the log says why, and may not quote it.
    await tcp(ports.tcp, `{"message": "${text('broken')}", oops}\n`);
    await tcp(ports.syslog, `<13>1 ${new Date(now).toISOString()} web-1 ${service} - - - ${text('syslog')}\n`);
    await tcp(ports.gelf, `${JSON.stringify({ version: '1.1', host: 'web-1', short_message: text('gelf'), _service: service })}\0`);
    await tcp(ports.fluent, fluent(service, { message: text('fluent'), service }));

    // Every door has stored its records, under the same service.
    const records = await stored(api, service, 16);
    expect(records.length).toBeGreaterThanOrEqual(16);
    const json = records.find(({ message, attributes }) => message.startsWith('paid') && attributes.card)!;
    expect(json.message).toMatch(/^paid by \[card\] of \[email:[0-9a-f]{16}\], pin=\[pin\]$/);
    expect(json.attributes).toMatchObject({ card: '[card]', token: '[jwt]', email: expect.stringMatching(/^\[email:/) });
    expect(json.attributes.password).toBeUndefined();
    // Equal values have equal hashes, so they are found by them.
    const hash = json.attributes.email as string;
    expect(await api.logs(`service:${service} "${hash}"`)).toHaveLength(1);

    await until('the sinks have all', async () => {
      const answer = await fetch(`${program.url}/api/v1/sinks`);
      const sinks = (await answer.json()) as { behind_records: number | null; records: number; refused: number }[];
      return sinks.every((sink) => sink.behind_records === 0 && sink.records + sink.refused > 0);
    });
    await until('the day is archived', async () => existsSync(join(program.file('archive'), daysAgo(1), 'manifest.json')));
    await until('there are dead letters', async () => {
      const letters = (await (await api.get('/api/v1/dead-letters', { door: 'sink bad' })).json()) as unknown[];
      return letters.length > 0;
    });
    const rules = (await (await api.get('/api/v1/redaction')).json()) as { rules: { name: string; count: number }[] };
    expect(rules.rules.map(({ name }) => name)).toEqual(['card', 'email', 'jwt', 'password', 'pin']);
    for (const { name, count } of rules.rules) expect(count, name).toBeGreaterThan(0);
    expect(JSON.stringify(rules)).not.toContain('pin=');
    expect(await metric(program.url, 'logboom_redactions_total')).toBeGreaterThan(0);

    // The decoded contents of the store, the dead letters and the archive.
    const everything = { from: '1970-01-01T00:00:00Z' };
    const exported = await (await api.get('/api/v1/export', { query: '', ...everything })).text();
    const letters = await (await api.get('/api/v1/dead-letters/download')).text();
    const ledger = await (await api.get('/api/v1/ledger')).text();
    await program.stop();
    const folders = [program.file('data'), program.file('sinks'), program.file('archive')];
    const all = folders.flatMap(files).concat(program.logFile);
    const parts = all.filter((path) => path.endsWith('.parquet'));
    expect(parts.length).toBeGreaterThan(0);
    const rows = await program.run(python, '-c', ROWS, ...parts);
    expect(rows, 'the rows of the parts are read').toContain('paid by [card]');
    expect(readFileSync(join(program.file('sinks'), 's2.log'), 'utf8')).toContain('\\"message\\":\\"paid by [card]');
    const places: [string, Buffer][] = all.map((path) => [path, readFileSync(path)]);
    for (const [name, content] of Object.entries({ exported, letters, ledger, rows })) places.push([name, Buffer.from(content)]);
    for (const [place, content] of places) {
      for (const leak of LEAKS) expect(content.includes(leak), `${leak} in ${place}`).toBe(false);
    }
  } finally {
    await program.remove();
    await receiver.stop();
  }
});

test('a rule is tried out against the newest records: by the API, by the command and by a form without JavaScript', async ({ browser }) => {
  const doors = await Doors.start({}, '--redact', 'card');
  const context = await browser.newContext({ javaScriptEnabled: false });
  try {
    const service = unique('preview');
    await doors.api.store({ service, message: `to ${address('preview')}` }, { service, message: 'nothing' });
    const query = `service:${service}`;
    const body = JSON.stringify({ rule: 'email', query });
    const answer = await fetch(`${doors.url}/api/v1/redaction/preview`, {
      method: 'POST', body, headers: { 'content-type': 'application/json' },
    });
    expect(await answer.json()).toMatchObject({
      examined: 2, changed: 1, matches: 1,
      examples: [{ field: 'message', before: `to ${address('preview')}`, after: 'to [email]' }],
    });
    const output = await doors.program.run('logboom', 'redaction', 'preview', 'email', '--query', query);
    expect(output).toContain('+ to [email]');
    expect(output).toContain('matches 1 in 1 of 2 records');
    expect(await doors.program.run('logboom', 'redaction', 'list')).toMatch(/^card\tcard\t\*\tmask\t\d+$/m);
    const wrong = doors.program.run('logboom', 'redaction', 'preview', 'e-mail');
    await expect(wrong).rejects.toThrow(/card, email, ipv4/);

    const page = await context.newPage();
    await page.goto(`${doors.url}/system`);
    await expect(page.getByTestId('redaction-rule')).toContainText('card');
    const form = page.getByTestId('redaction-form');
    await form.locator('[name=rule]').fill('email');
    await form.locator('[name=query]').fill(query);
    await form.getByRole('button').click();
    await expect(page).toHaveURL(`${doors.url}/system/redaction`);
    await expect(page.getByTestId('redaction-example')).toContainText('to [email]');
    await page.getByTestId('redaction-form').locator('[name=rule]').fill('x=/(/');
    await page.getByTestId('redaction-form').getByRole('button').click();
    await expect(page.getByTestId('redaction-error')).toContainText('unclosed group');
  } finally {
    await context.close();
    await doors.remove();
  }
});
