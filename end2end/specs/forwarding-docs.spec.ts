// Runs the examples of docs/forwarding.md with addresses and folders of their own.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Api, stored, unique } from '../fixtures/api.ts';
import { end, freePort, until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { protocols } from '../fixtures/protocols.ts';
import { Receiver } from '../fixtures/receiver.ts';
import { sink } from '../fixtures/sinks.ts';
import { expect, test } from '../fixtures/test.ts';

const guide = readFileSync(resolve(import.meta.dirname, '../../docs/forwarding.md'), 'utf8');

/** The fenced blocks of a language. */
const blocks = (language: string) =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map((block) => block[1]!);

/** Replaces what stands in the text once. */
function replaced(text: string, ...pairs: [string, string][]): string {
  for (const [from, to] of pairs) {
    expect(text.split(from), `${from} occurs once`).toHaveLength(2);
    text = text.replace(from, to);
  }
  return text;
}

const records = (service: string) => ['info', 'warn', 'error'].map((level) => ({ service, level, message: `a ${level}` }));

test('the first command of docs/forwarding.md sends to files, to Elasticsearch and to another Logboom', async () => {
  const [command, ...others] = blocks('sh').filter((block) => block.startsWith('logboom serve'));
  expect(others).toEqual([]);
  const elasticsearch = new Receiver(await freePort(), protocols.elasticsearch, () => false);
  await elasticsearch.start();
  const center = await Program.start({});
  const program = await Program.unstarted({});
  const own = replaced(
    command!.trimEnd(),
    ['file:///var/log/all/', `file://${program.file('all')}/`],
    ['127.0.0.1:9200', `127.0.0.1:${elasticsearch.port}`],
    ['logboom+https://logs.example.com', `logboom+http://${center.grpcAddress}`],
  );
  const addresses = `--listen 127.0.0.1:${program.port} --grpc-listen ${program.grpcAddress} --data ${program.file('data')}`;
  const server = program.launch('bash', '-c', `exec ${own} ${addresses}`);
  server.stdout.resume();
  server.stderr.resume();
  try {
    await until('the server is ready', () => fetch(`${program.url}/readyz`).then(({ ok }) => ok, () => false));
    const service = unique('docs');
    await new Api(program.url).store(...records(service));
    for (const [name, count] of [['all', 3], ['es', 2], ['center', 3]] as const) {
      await until(`${name} has sent`, async () => (await sink(program, name)).records === count);
    }
    const [file, ...more] = readdirSync(program.file('all')).filter((name) => name.endsWith('.log'));
    expect(more).toEqual([]);
    expect(file).toMatch(new RegExp(`^${service}-\\d{4}-\\d\\d-\\d\\d\\.log$`));
    const lines = readFileSync(join(program.file('all'), file!), 'utf8').split('\n').filter(Boolean);
    expect(lines.map((line) => JSON.parse(line).message)).toEqual(['a info', 'a warn', 'a error']);
    expect(elasticsearch.stored.map(({ message }) => message)).toEqual(['a warn', 'a error']);
    await stored(new Api(center.url), service, 3);
  } finally {
    await end(server, 'SIGTERM');
    await program.remove();
    await center.remove();
    await elasticsearch.stop();
  }
});

test('the document of docs/forwarding.md defines a sink that delivers', async ({ engines }) => {
  const [document, ...others] = blocks('json').filter((block) => block.includes('"kind": "sink"'));
  expect(others).toEqual([]);
  const [name, receiver] = [unique('file'), new Receiver(await freePort(), protocols.elasticsearch, () => false)];
  await receiver.start();
  const program = await Program.unstarted(engines);
  const folder = program.file('config');
  mkdirSync(folder);
  // The cursor of a name outlives the test where the store does.
  const own = replaced(document!, ['"name": "es"', `"name": "${name}"`], ['127.0.0.1:9200', `127.0.0.1:${receiver.port}`]);
  writeFileSync(join(folder, 'sinks.json'), own);
  program.add('--config-dir', folder);
  await program.start();
  try {
    await new Api(program.url).push(...records(name));
    // What was under way at the kill may come twice.
    const arrived = () => [...new Set(receiver.stored.map(({ message }) => message))];
    await until('it has sent', async () => arrived().length >= 2);
    await until('the sink has sent all', async () => (await sink(program, name)).behind_records === 0);
    expect(arrived()).toEqual(['a warn', 'a error']);
    // It goes on after a restart.
    await program.kill();
    await program.start();
    await new Api(program.url).push({ service: name, level: 'error', message: 'a later one' });
    await until('it goes on', async () => arrived().includes('a later one'));
    expect(arrived()).toEqual(['a warn', 'a error', 'a later one']);
  } finally {
    await program.remove();
    await receiver.stop();
  }
});
