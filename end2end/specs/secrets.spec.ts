// Secrets of all kinds, right and wrong ones, leave no trace: in the log, in answers, on the disk, in the process list.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { readFileSync, writeFileSync } from 'node:fs';
import { bearer, Caller, cookieName, form, guarded, logIn, PASSWORD, secretFile } from '../fixtures/access.ts';
import { unique } from '../fixtures/api.ts';
import { GrpcClient } from '../fixtures/grpc.ts';
import { end, freePort, until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { commandLines, expectNone, filesIn, type Trace } from '../fixtures/traces.ts';
import { expect, test } from '../fixtures/test.ts';

/** A destination that knows nobody, and what its callers have presented. */
async function unfriendly(): Promise<{ server: Server; port: number; presented: string[] }> {
  const presented: string[] = [];
  const server = createServer((request: IncomingMessage, answer) => {
    presented.push(request.headers.authorization ?? '');
    // An error page that repeats what it got.
    request.resume().once('end', () => answer.writeHead(401, { 'content-type': 'text/plain' }).end(`no: ${request.headers.authorization}`));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port, presented };
}

/** Sends bytes to a door of streams, and returns what it answers. */
function exchange(port: number, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    socket.on('data', (part) => parts.push(part)).once('error', () => {}).once('close', () => resolve(Buffer.concat(parts).toString('latin1')));
  });
}

const wrongKey = (letter: string) => `lb_${letter.repeat(8)}_${letter.repeat(32)}`;
const basic = (user: string, password: string) => ({ authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` });

test('credentials of callers, right and wrong, are in no log, no answer, no file and no command line', async () => {
  const fluent = 'unmistakable-shared-key-of-fluent';
  const { doors, admin } = await guarded({}, '--log', 'debug', '--fluent-shared-key-file', secretFile(fluent));
  const { url, program, ports } = doors;
  const secrets: Record<string, string> = { fluent, 'the password of the admin': PASSWORD };
  const answers: string[] = [];
  const call = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(`${url}${path}`, { redirect: 'manual', ...init });
    // A redirect shows its address in the browser, in histories and in logs of proxies.
    answers.push(`${answer.headers.get('location') ?? ''}\n${[...answer.headers].filter(([name]) => name !== 'set-cookie').join('\n')}\n${await answer.text()}`);
    return answer;
  };
  try {
    const key = (await admin.createKey({ name: unique('right'), scopes: ['write', 'read'] })).secret;
    secrets['a key'] = key.slice(12);
    secrets['a wrong key'] = wrongKey('y').slice(12);
    secrets['no key at all'] = 'unmistakable-but-of-another-form';
    for (const secret of [key, wrongKey('y'), secrets['no key at all']!]) {
      const headers: Record<string, string>[] = [
        bearer(secret), { authorization: `Splunk ${secret}` }, { authorization: `ApiKey ${Buffer.from(`id:${secret}`).toString('base64')}` },
        basic('shop', secret), basic(secret, ''), { 'x-api-key': secret }, { 'x-seq-apikey': secret }, { cookie: `${cookieName(url)}=${secret}` },
      ];
      for (const presented of headers) {
        for (const path of ['/api/v1/logs', '/api/v1/logs?query=(', '/api/v1/keys', '/nowhere', '/']) await call(path, { headers: presented });
        for (const [path, body] of [['/api/v1/push', '{'], ['/_bulk', 'x\n'], ['/loki/api/v1/push', '{}'], ['/put', '{"a":1}']] as const) {
          await call(path, { method: 'POST', body, headers: { ...presented, 'content-type': 'application/json' } });
        }
      }
      for (const body of ['{"message":"m"}', '{']) await call(`/put?key=${secret}`, { method: 'POST', body });
      const client = new GrpcClient(program.grpcAddress, secret);
      answers.push(JSON.stringify(await client.sendLog({ node: 'n', level: 'info', message: 'm' })));
      client.close();
      // The protocol of Fluentd with a key that is wrong, and with none.
      answers.push(await exchange(ports.fluent, Buffer.from([0x96, 0xa4, ...Buffer.from('PING'), 0xa1, 0x61, 0xa1, 0x62, 0xd9, secret.length, ...Buffer.from(secret), 0xa0, 0xa0])));
    }

    // People: forms with right and wrong fields, a session, and the calls of an admin with a new password.
    const name = unique('careful');
    secrets['a password'] = 'unmistakable password 4711';
    secrets['a wrong password'] = 'unmistakable but wrong 4711';
    secrets['a short password'] = 'unmi5ta.k';
    secrets['a changed password'] = 'unmistakable and changed 4711';
    await admin.createUser({ name, password: secrets['a password']!, role: 'editor' });
    for (const password of [secrets['a wrong password']!, 'x'.repeat(9000) + secrets['a wrong password']!]) {
      const answer = await form(url, '/login', { name, password, next: '/' });
      answers.push(answer.headers.get('location') ?? '', await answer.text());
    }
    const session = await logIn(url, name, secrets['a password']!);
    secrets['a session'] = session.headers.cookie!.split('=')[1]!;
    secrets['the session of the admin'] = admin.headers.cookie!.split('=')[1]!;
    for (const path of ['/api/v1/me', '/api/v1/sessions', '/api/v1/users', '/api/v1/keys', '/api/v1/tasks', '/api/v1/documents', '/metrics', '/system', '/system/access', '/api/openapi.json']) {
      for (const { headers } of [session, admin]) await call(path, { headers: { accept: 'text/html,application/json', ...headers } });
    }
    const json = { 'content-type': 'application/json', ...admin.headers };
    for (const body of [
      { name: unique('new'), password: secrets['a short password']!, role: 'viewer' },
      { name: unique('new'), password: secrets['a password']!, role: 'emperor' },
      { name: unique('new'), password: [secrets['a password']!], role: 'viewer' },
      { name, password: secrets['a password']!, role: 'viewer' },
    ]) await call('/api/v1/users', { method: 'POST', body: JSON.stringify(body), headers: json });
    await call('/api/v1/users', { method: 'POST', body: `{"name":"x","password":"${secrets['a password']!}"`, headers: json });
    const people = { name, password: secrets['a changed password']!, action: 'password' };
    for (const fields of [people, { ...people, name: 'nobody' }, { ...people, password: secrets['a short password']! }]) {
      const answer = await form(url, '/system/access/people', fields, admin.headers);
      answers.push(answer.headers.get('location') ?? '', await answer.text());
    }
    await logIn(url, name, secrets['a changed password']!);

    // Commands with the key in the environment and in a file, while they run.
    const tails = [
      program.launch('env', `LOGBOOM_KEY=${key}`, 'logboom', 'tail', 'x', '--server', url),
      program.launch('logboom', 'tail', 'x', '--server', url, '--key-file', secretFile(key)),
    ];
    await until('both tails run', async () => commandLines().filter(([, line]) => line.includes('\0tail\0')).length >= 2);
    const running = commandLines();
    expect(running.length).toBeGreaterThanOrEqual(3);
    for (const tail of tails) await end(tail, 'SIGTERM');
    await program.stop();
    const log = readFileSync(program.logFile, 'latin1');
    expect(log.length).toBeGreaterThan(1000);
    expectNone(secrets, [['the log', log], ...answers.map((text, n): Trace => [`answer ${n}`, text]), ...running, ...filesIn(program.file('data'))]);
  } finally {
    await doors.remove();
  }
});

test('the token of the set-up is printed once, and is in no address and no answer', async () => {
  const program = await Program.unstarted({}, '--log', 'debug');
  program.host = '0.0.0.0';
  try {
    await program.start();
    const printed = () => /\/setup#token=([\w-]+)/.exec(readFileSync(program.logFile, 'utf8'))?.[1];
    await until('the token is printed', async () => printed() !== undefined);
    const token = printed()!;
    const answers: Trace[] = [];
    const admin = { name: 'kim', password: PASSWORD, repeat: PASSWORD };
    for (const fields of [{ ...admin, token, password: 'short', repeat: 'short' }, { ...admin, token, repeat: 'another one' }, { ...admin, token: `${token}x` }, { ...admin, token, name: 'no name' }]) {
      const answer = await form(program.url, '/setup', fields);
      answers.push(['a refusal', `${answer.headers.get('location')}\n${await answer.text()}`]);
    }
    answers.push(['the page', await (await fetch(`${program.url}/setup`)).text()]);
    const done = await form(program.url, '/setup', { ...admin, token });
    answers.push(['the last answer', `${done.headers.get('location')}\n${await done.text()}`]);
    await logIn(program.url, 'kim', PASSWORD);
    await program.stop();
    const log = readFileSync(program.logFile, 'utf8');
    expectNone({ 'the token': token }, answers);
    // Where it is printed for the operator.
    expect(log.replaceAll(`/setup#token=${token}`, '')).not.toContain(token);
    expectNone({ 'the password': PASSWORD }, [['the log', log], ...answers, ...filesIn(program.file('data'))]);
  } finally {
    await program.remove();
  }
});

test('secrets for destinations, from a URL, a file and the environment, are in no log, no status and no command line', async () => {
  const target = await unfriendly();
  const at = `127.0.0.1:${target.port}`;
  const secrets: Record<string, string> = {
    'the password in a URL': 'unmistakable-in-a-url',
    'the password of a variable': 'unmistakable-of-a-variable',
    'the token of a variable': 'unmistakable-token-of-a-variable',
    'the key of a file': 'unmistakable-key-of-a-file',
    'the API key of a file': 'unmistakable-api-key-of-a-file',
    'the key of the hashes': 'unmistakable-key-of-the-hashes',
  };
  const secret = (name: string) => secrets[name]!;
  const program = await Program.unstarted({}, '--log', 'debug', '--redact', 'email hash', '--redact-key-file', secretFile(secret('the key of the hashes')));
  // Not as an option: that would be in the process list, as the program warns.
  program.environment.LOGBOOM_SINK = [
    `url=http://kim:${secret('the password in a URL')}@${at}/a?from=start`,
    `variable=http://kim@${at}/b?from=start`,
    `token=http://${at}/c?from=start`,
    `file=http://${at}/d?from=start&key-file=${secretFile(secret('the key of a file'))}`,
    `search=elasticsearch+http://${at}/logs?from=start`,
  ].join('\n');
  program.environment.LOGBOOM_SINK_VARIABLE_PASSWORD = secret('the password of a variable');
  program.environment.LOGBOOM_SINK_TOKEN_TOKEN = secret('the token of a variable');
  program.environment.LOGBOOM_SINK_SEARCH_API_KEY_FILE = secretFile(secret('the API key of a file'));
  try {
    await program.start();
    const api = new Caller(program.url, {});
    await api.push({ service: unique('sent'), message: 'to all, from bob@example.com' });
    type View = { name: string; error: string | null };
    let sinks: View[] = [];
    await until('all destinations have refused', async () => {
      sinks = (await (await api.get('/api/v1/sinks')).json()) as View[];
      return sinks.length === 5 && sinks.every(({ error }) => error !== null);
    });
    // They were sent.
    const sent = target.presented.map((text) => text.replace(/^Basic (.*)$/, (_, encoded) => Buffer.from(encoded, 'base64').toString()));
    for (const name of Object.keys(secrets).slice(0, 5)) expect(sent.some((text) => text.includes(secret(name))), name).toBe(true);
    const answers: Trace[] = [];
    for (const path of ['/api/v1/sinks', '/api/v1/dead-letters', '/api/v1/redaction', '/api/v1/tasks', '/api/v1/documents', '/metrics', '/readyz', '/system']) {
      answers.push([path, await (await fetch(`${program.url}${path}`, { headers: { accept: 'text/html,application/json' } })).text()]);
    }
    const running = commandLines();
    await program.stop();
    const traces: Trace[] = [['the log', readFileSync(program.logFile, 'latin1')], ...answers, ...running, ...filesIn(program.file('data'))];
    expectNone(secrets, traces);
  } finally {
    await program.remove();
    target.server.close();
  }
});

test('a start that fails names the option, and not the secret in it', async () => {
  const program = await Program.unstarted({});
  const secret = 'unmistakable-in-a-wrong-url';
  const two = program.file('two-keys');
  writeFileSync(two, `${secret}\nanother line\n`);
  const serve = ['serve', '--listen', `127.0.0.1:${await freePort()}`, '--data', program.file('data')];
  const cases: [string[], Record<string, string>][] = [
    [serve, { LOGBOOM_SINK: `x=http://kim:${secret}@host:notaport/` }],
    [serve, { LOGBOOM_SINK: `x=http://kim:${secret}/more@host/` }],
    [serve, { LOGBOOM_SINK: `x=tcp://kim:${secret}@127.0.0.1:1` }],
    [serve, { LOGBOOM_SINK: `http://kim:${secret}@127.0.0.1:1/` }],
    [serve, { LOGBOOM_SINK: `x=http://kim:${secret}@127.0.0.1:1/`, LOGBOOM_SINK_X_PASSWORD: 'another' }],
    [[...serve, '--store', 'postgres://kim@127.0.0.1:1/db'], { PGPASSWORD: secret }],
    [serve, { LOGBOOM_STORE: `postgres://kim:${secret}@127.0.0.1:1/db` }],
    [serve, { LOGBOOM_STORE: `postgres://kim:${secret}@127.0.0.1:notaport/db` }],
    [serve, { LOGBOOM_QUEUE: `amqp://kim:${secret}@127.0.0.1:1` }],
    [serve, { LOGBOOM_QUEUE: `amqps://kim:${secret}@` }],
    [[...serve, '--admin-password-file', two], {}],
    [[...serve, '--fluent-listen', `127.0.0.1:${await freePort()}`, '--fluent-shared-key-file', two], {}],
    [[...serve, '--redact', 'email hash', '--redact-key-file', two], {}],
    [['tail', 'x'], { LOGBOOM_KEY: `${secret}\u0001` }],
    [['key', 'list', '--server', 'http://127.0.0.1:1'], { LOGBOOM_KEY: secret }],
    [['agent', '--data', program.file('agent'), '--listen', `127.0.0.1:${await freePort()}`], { LOGBOOM_TO: `http://kim:${secret}@host:notaport/` }],
  ];
  try {
    for (const [options, environment] of cases) {
      const set = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
      // A server that waits for its database is ended after a while.
      const child = program.launch('env', ...set, 'timeout', '-s', 'INT', '6', 'logboom', ...options, ...(options[0] === 'serve' ? ['--log', 'debug'] : []));
      let text = '';
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('latin1').on('data', (part) => (text += part));
      child.stdin.end();
      const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
      const what = `${options.join(' ')} with ${Object.keys(environment).join()}`;
      expect(code, what).not.toBe(0);
      expect(text.length, what).toBeGreaterThan(0);
      expect(text.includes(secret), what).toBe(false);
    }
  } finally {
    await program.remove();
  }
});
