// Lines of any program, and records in a terminal: `logboom send`, `tail` and `search`.
import { type ChildProcessWithoutNullStreams, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Api, stored, unique } from '../fixtures/api.ts';
import { apart } from '../fixtures/clients.ts';
import { end, freePort, until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

let program: Program;
let api: Api;
test.beforeAll(async ({ engines }) => {
  program = await Program.start(engines, '--otlp-listen', `127.0.0.1:${await freePort()}`);
  api = new Api(program.url);
});
test.afterAll(async () => program.remove());

/** The output of a running command so far. */
function printed(child: ChildProcessWithoutNullStreams): { out: string; error: string } {
  const output = { out: '', error: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (output.out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (output.error += text));
  return output;
}

/** Runs a command on an input to its end. */
async function fed(input: string | Buffer, command: string, ...options: string[]) {
  const child = program.launch(command, ...options);
  const output = printed(child);
  child.stdin.end(input);
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, ...output };
}

test('send takes the lines of a program, and the objects of one that writes JSON', async () => {
  const service = unique('send');
  const lines = 'a line: 카드\n\nanother line without an end';
  expect(await fed(lines, 'logboom', 'send', '--service', service, '--level', 'warn', '--node', 'till-1')).toMatchObject({ code: 0 });
  const file = program.file(`${service}.log`);
  writeFileSync(file, '{"level":"error","msg":"of the file","order":17,"service":"own"}\n{"no":"message"}\n');
  await program.run('logboom', 'send', file, '--service', service);
  const records = await stored(api, service, 3);
  expect(records.slice(0, 2)).toMatchObject([
    { message: 'a line: 카드', level: 'warn', node: 'till-1' },
    { message: 'another line without an end', level: 'warn', node: 'till-1' },
  ]);
  expect(records[2]).toMatchObject({ message: '{"no":"message"}' });
  const own = await api.logs(`service:own order:17`);
  expect(own.find(({ message }) => message === 'of the file')).toMatchObject({ level: 'error' });
});

test('send reads what pino writes', async () => {
  const service = unique('pino');
  const began = Date.now() / 1000;
  const script = join(import.meta.dirname, '../services/clients/pino-stdout.mjs');
  const output = execFileSync(process.execPath, [script]);
  expect(await fed(output, 'logboom', 'send', '--service', service)).toMatchObject({ code: 0 });
  const [record] = await stored(api, service);
  expect(record).toMatchObject({
    message: 'order 17 is not paid: 카드',
    level: 'error',
    severity: 17,
    node: 'till-1',
    trace_id: '5b8efff798038103d269b633813fc60c',
    attributes: { order: 17, 'err.type': 'Error', 'err.message': 'no such card' },
  });
  // Node.js may take a while to start.
  expect(apart(record!.time, began)).toBeLessThan(120);
});

test('send says what is refused, and that there is no such file', async () => {
  const service = unique('refused');
  const refused = await fed(`good\n${'x'.repeat((1 << 20) + 1)}\n`, 'logboom', 'send', '--service', service);
  expect(refused.code).not.toBe(0);
  expect(refused.error).toMatch(/message.*1048576/s);
  expect(await stored(api, service)).toMatchObject([{ message: 'good' }]);
  const missing = await fed('', 'logboom', 'send', program.file('nowhere.log'));
  expect(missing.code).not.toBe(0);
  expect(missing.error).toContain('nowhere.log');
});

test('send waits for a server that is away, and then stores each line once', async () => {
  const service = unique('away');
  await program.kill();
  const send = program.launch('logboom', 'send', '--service', service);
  const output = printed(send);
  const ended = once(send, 'close');
  send.stdin.end('one\ntwo\n');
  await until('it tries again', async () => output.error.includes('trying again'));
  await program.start();
  expect(await ended, output.error).toEqual([0, null]);
  expect((await stored(api, service, 2)).map(({ message }) => message).sort()).toEqual(['one', 'two']);
});

test('send --follow loses and doubles nothing while the file is rotated and the server is killed', async () => {
  const service = unique('follow');
  const file = program.file(`${service}.log`);
  writeFileSync(file, 'of yesterday\n');
  const send = program.launch('logboom', 'send', file, '--follow', '--service', service);
  const output = printed(send);
  let written = 0;
  const write = (count: number) => {
    for (let n = 0; n < count; n++) appendFileSync(file, `line ${written++}\n`);
  };
  try {
    // It starts at the end of the file, once the file is open.
    await until('the command follows', async () => {
      appendFileSync(file, 'begins\n');
      return (await api.logs(`service:${service}`)).length > 0;
    });
    write(100);
    renameSync(file, `${file}.1`);
    write(100);
    await stored(api, service, 101);
    // While lines are being sent.
    const killed = sleep(150).then(() => program.kill());
    for (let time = 0; time < 30; time++) {
      write(50);
      await sleep(20);
    }
    await killed;
    await program.start();
    write(100);
    const numbers = async () => {
      const messages = (await api.logs(`service:${service} line`, { limit: '10000' })).map(({ message }) => message);
      return messages.map((message) => Number(message.split(' ')[1])).sort((a, b) => a - b);
    };
    await until('all lines are stored', async () => (await numbers()).length >= written);
    // Resent lines come before newly written ones.
    write(1);
    await until('the last line is stored', async () => (await numbers()).includes(written - 1));
    expect(await numbers()).toEqual(Array.from({ length: written }, (_, n) => n));
  } finally {
    // All that it has printed is read once its outputs are closed.
    const closed = send.exitCode === null ? once(send, 'close') : undefined;
    await Promise.all([closed, end(send, 'SIGTERM')]);
  }
  expect(output.error).toContain('lines stored');
  expect(await api.logs(`service:${service} yesterday`)).toEqual([]);
});

test('tail goes on over a restart of the server, and shows each record once', async () => {
  const service = unique('tail');
  const tail = program.launch('logboom', 'tail', `service:${service}`, '-o', 'json');
  const output = printed(tail);
  // The last piece is a line that is not complete yet.
  const shown = () => output.out.split('\n').slice(0, -1).map((line) => JSON.parse(line).message);
  const push = (message: string) => api.push({ service, message, order: 17 });
  try {
    await until('the tail shows', async () => {
      await push('begins');
      await sleep(100);
      return shown().length > 0;
    });
    await push('before');
    await until('the tail shows what is pushed', async () => shown().at(-1) === 'before');
    await program.kill();
    await program.start();
    await push('after');
    await until('the tail goes on', async () => shown().at(-1) === 'after');
    expect(shown().filter((message) => message !== 'begins')).toEqual(['before', 'after']);
    expect(JSON.parse(output.out.trim().split('\n').at(-1)!)).toMatchObject({ service, level: 'info', attributes: { order: 17 } });
  } finally {
    await end(tail, 'SIGTERM');
  }
});

test('search prints what it finds for people and for programs, the newest last', async () => {
  const service = unique('search');
  const at = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
  await api.store(
    { service, message: 'of last week', time: at(7 * 86_400) },
    { service, message: 'old', level: 'error', time: at(1800), order: 16 },
    { service, message: 'new, with "quotes"\nand a line', level: 'warn', time: at(60), order: 17 },
  );
  const search = (...options: string[]) => program.run('logboom', 'search', `service:${service}`, '--since', '1h', ...options);
  const text = await search('-o', 'text');
  expect(text.trim().split('\n')).toEqual([
    expect.stringMatching(/^\d{4}-\d\d-\d\dT\S+Z error search-\w+ old order=16$/),
    expect.stringMatching(/Z warn +search-\w+ new, with "quotes"\\nand a line order=17$/),
  ]);
  expect(await search(), 'no colours, and text by default').toBe(text);
  const objects = (await search('-o', 'json')).trim().split('\n').map((line) => JSON.parse(line));
  expect(objects).toMatchObject([
    { message: 'old', attributes: { order: 16 } },
    { message: 'new, with "quotes"\nand a line', attributes: { order: 17 } },
  ]);
  const csv = await search('-o', 'csv');
  expect(csv).toMatch(/^id,time,/);
  expect(csv).toContain('"new, with ""quotes""\nand a line"');
  expect((await search('-n', '1', '-o', 'json')).trim().split('\n')).toHaveLength(1);
  expect(await program.run('logboom', 'search', `service:${service} week`, '--since', '30d')).toContain('of last week');
  await expect(program.run('logboom', 'search', 'order:17', '--since', 'someday')).rejects.toThrow(/someday|-15m/);
});

test('a server that is not there is told, with the way to name another', async () => {
  const nowhere = `http://127.0.0.1:${await freePort()}`;
  for (const command of ['search', 'tail']) {
    await expect(program.run('logboom', command, 'x', '--server', nowhere)).rejects.toThrow(/cannot be reached.*--server/s);
  }
});
