// Syslog in all its forms: logger(1), rsyslog, and the handler of Python's standard library.
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { stored, unique } from '../fixtures/api.ts';
import { apart, client } from '../fixtures/clients.ts';
import { Doors } from '../fixtures/doors.ts';
import { until } from '../fixtures/process.ts';
import { Rsyslog } from '../fixtures/rsyslog.ts';
import { expect, test } from '../fixtures/test.ts';

let doors: Doors;
test.beforeAll(async ({ engines }) => {
  doors = await Doors.start(engines);
});
test.afterAll(async () => doors.remove());

/** RFC 3164 has neither year nor zone: the server's apply. */
const logger = (port: number, ...options: string[]) =>
  execFileSync('logger', ['--server', '127.0.0.1', '--port', String(port), ...options], {
    env: { ...process.env, TZ: 'UTC' },
  });

for (const protocol of ['udp', 'tcp']) {
  for (const form of ['rfc3164', 'rfc5424']) {
    test(`logger sends by ${form} over ${protocol}`, async () => {
      const service = unique('logger');
      const time = Date.now() / 1000;
      logger(doors.ports.syslog, `--${protocol}`, `--${form}`, '--tag', service, '--id=77', '-p', 'local3.crit', 'on fire: 카드');
      const [record] = await stored(doors.api, service);
      expect(record).toMatchObject({
        message: 'on fire: 카드',
        level: 'crit',
        severity: 18,
        attributes: { facility: 'local3', procid: '77' },
      });
      expect(record!.node).not.toBe('');
      expect(apart(record!.time, time)).toBeLessThan(120);
    });
  }
}

test('logger counts octets, so that a message has several lines, and sends structured data', async () => {
  const service = unique('logger');
  const message = 'the first line\nthe second line';
  const structured = ['--sd-id', 'order@32473', '--sd-param', 'number="17"', '--sd-param', 'customer="ann"'];
  logger(doors.ports.syslog, '--tcp', '--octet-count', '--rfc5424', '--tag', service, '--msgid', 'pay', ...structured, message);
  const [record] = await stored(doors.api, service);
  expect(record).toMatchObject({
    message,
    level: 'notice',
    attributes: { 'order@32473.number': '17', 'order@32473.customer': 'ann', msgid: 'pay', facility: 'user' },
  });
});

test('logger sends the lines of a file on one connection', async () => {
  const service = unique('logger');
  const file = resolve(import.meta.dirname, 'doors-syslog.spec.ts');
  const lines = readFileSync(file, 'utf8').split('\n').map((line) => line.trim()).filter(Boolean);
  logger(doors.ports.syslog, '--tcp', '--rfc5424', '--tag', service, '--skip-empty', '-f', file);
  const records = await stored(doors.api, service, lines.length);
  expect(records.map(({ message }) => message.trim()).sort()).toEqual(lines.sort());
});

for (const protocol of ['udp', 'tcp']) {
  test(`Python's SysLogHandler sends over ${protocol}, without time and host`, async () => {
    const service = unique('handler');
    await client('syslog_handler.py', doors.ports.syslog, service, protocol);
    const records = await stored(doors.api, service, 2);
    const failed = records.find(({ level }) => level === 'err');
    expect(failed).toMatchObject({ message: 'order 17 is not paid: 카드', severity: 17, attributes: { facility: 'local0' } });
    expect(failed!.attributes.procid).toMatch(/^\d+$/);
    expect(records.find(({ level }) => level === 'crit')).toMatchObject({ message: 'the till\nis on fire', severity: 18 });
  });
}

test('other programs leave things out: the host, the time, the tag, all of it', async () => {
  const [service, word] = [unique('forms'), unique('word')];
  const now = new Date();
  const day = now.toISOString().slice(0, 10);
  const month = now.toLocaleString('en', { month: 'short', timeZone: 'UTC' });
  const old = `${month} ${String(now.getUTCDate()).padStart(2)} 00:00:01`;
  const time = `${day}T00:00:01.000000000Z`;
  const forms: [string, Record<string, unknown>][] = [
    [`<30>${old} ${service}[12]: ${word} as Docker writes it`, { service, time, attributes: { procid: '12', facility: 'daemon' } }],
    [`<27>${day}T00:00:01.5+00:00 till-1 ${service}[12]: ${word} as rsyslog forwards`, { service, node: 'till-1', level: 'err', time: `${day}T00:00:01.500000000Z` }],
    [`<28>${service}: ${word} with a tag alone`, { service, level: 'warning', attributes: { facility: 'daemon' } }],
    [`<27>1 - - ${service} - - - ${word} with nothing said`, { service, level: 'err' }],
    [`<29>${old} till-1 ${service}: @cee: {"msg":"${word} as an object","order":17}`, { service, level: 'notice', attributes: { order: 17 } }],
    [`<189>83: *${old}.663: %SYS-5-CONFIG_I: ${word} as Cisco counts`, { service: '', node: '', level: 'notice', attributes: { sequence: '83' } }],
    [`<30>${old} till-1 user ${word} has no tag`, { service: 'till-1', node: 'till-1', time, attributes: { facility: 'daemon' } }],
    [`<14>1 ${day}T00:00:01 till-1 ${service} - - [tagged@1] [x@1 user="a"] ${word} bends the structured data`, { service, time, attributes: { 'tagged@1': true, 'x@1.user': 'a' } }],
    [`<28>${word} with a level alone`, { level: 'warning', attributes: { facility: 'daemon' } }],
    [`${word} with nothing`, { level: 'info', message: `${word} with nothing` }],
  ];
  const socket = createSocket('udp4');
  for (const [form] of forms) await new Promise((sent) => socket.send(form, doors.ports.syslog, '127.0.0.1', sent));
  socket.close();
  const found = () => doors.api.logs(word, { from: '-2d' });
  await until('all forms are stored', async () => (await found()).length === forms.length);
  const records = await found();
  for (const [form, expected] of forms) {
    const message = /word-\w+ [\w ]+/.exec(form)![0];
    expect(records.find((record) => record.message.endsWith(message)), form).toMatchObject(expected);
  }
});

test("rsyslog's omfwd forwards what it gets, also once the server is back", async () => {
  const snippet = readFileSync(resolve(import.meta.dirname, '../../docs/snippets/rsyslog.conf'), 'utf8');
  // By default it retries every 30 s.
  const hasty = snippet.replace('action.resumeRetryCount', 'action.resumeInterval="1" action.resumeRetryCount');
  const rsyslog = await Rsyslog.start(hasty.replace('5514', String(doors.ports.syslog)));
  try {
    const service = unique('omfwd');
    logger(rsyslog.port, '--udp', '--rfc5424', '--tag', service, '-p', 'user.warning', 'before: 카드');
    const [before] = await stored(doors.api, service);
    expect(before).toMatchObject({ message: 'before: 카드', level: 'warning', attributes: { facility: 'user' } });
    await doors.program.stop();
    logger(rsyslog.port, '--tcp', '--rfc3164', '--tag', service, '-p', 'user.err', 'meanwhile');
    await doors.program.start();
    const records = await stored(doors.api, service, 2);
    expect(records).toHaveLength(2);
    expect(records.find(({ message }) => message === 'meanwhile')).toMatchObject({ level: 'err', severity: 17 });
  } finally {
    await rsyslog.stop();
  }
});
