// What an agent reads by itself: records of several lines, rotated files, Kubernetes, Docker and the journal.
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { Api, unique } from '../fixtures/api.ts';
import { Docker } from '../fixtures/docker.ts';
import { Journal } from '../fixtures/journal.ts';
import { until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { findProgram } from '../fixtures/programs.ts';
import { expect, test } from '../fixtures/test.ts';

const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, n) => n + from);
const everything = { from: '1970-01-01T00:00:00Z', limit: '1000' };

/** The messages of a service, sorted. */
async function messages(receiver: Program, service: string): Promise<string[]> {
  const found = await new Api(receiver.url).logs(`service:${service}`, everything);
  return found.map(({ message }) => message).sort();
}

/** Waits until a service has these messages, each once. */
async function arrive(receiver: Program, service: string, expected: string[]): Promise<void> {
  let found: string[] = [];
  await until(`${expected.length} records are stored`, async () => {
    found = await messages(receiver, service);
    return found.length >= expected.length;
  });
  expect(found).toEqual([...expected].sort());
}

async function inputs(agent: Program): Promise<{ input: string; sources: number; records: number; error: string | null }[]> {
  const health = (await (await fetch(`${agent.url}/healthz`)).json()) as { inputs: [] };
  return health.inputs;
}

test('stack traces are one record each, also when the agent is killed within one', async ({ engines }) => {
  const receiver = await Program.start(engines);
  const service = unique('java');
  const file = receiver.file(`${service}.log`);
  const agent = await Program.agent('--to', receiver.url, '--file', file, '--multiline', 'java');
  try {
    const trace = (n: number) => `order ${n} failed\njava.lang.IllegalStateException: ${n}\n\tat shop.Pay.pay(Pay.java:1)\nCaused by: java.io.IOException\n\t... 3 more`;
    for (const n of numbers(20)) {
      const [begin, end] = [trace(n).slice(0, 50), trace(n).slice(50)];
      appendFileSync(file, begin);
      if (n % 7 !== 3) {
        appendFileSync(file, `${end}\n`);
        continue;
      }
      await agent.kill();
      const started = agent.start();
      // Not after the start: a record is complete once its file has been quiet for a second, and a start may take longer.
      appendFileSync(file, `${end}\n`);
      await started;
    }
    await arrive(receiver, service, numbers(20).map(trace));
    expect(await inputs(agent)).toMatchObject([{ input: 'file', sources: 1, error: null }]);
    expect(await (await fetch(agent.url)).text()).toContain('data-testid="input"');
    // The lag is measured once a second.
    const metrics = async () => (await fetch(`${agent.url}/metrics`)).text();
    await until('nothing is left to read', async () => (await metrics()).includes('logboom_agent_input_lag_bytes{input="file"} 0'));
  } finally {
    await agent.remove();
    await receiver.remove();
  }
});

for (const mode of ['create', 'copytruncate', 'compress', 'compress delaycompress']) {
  test(`logrotate with ${mode}: each line once, also of files that were rotated while the agent was away`, async ({ engines }) => {
    const receiver = await Program.start(engines);
    const service = unique('rotated');
    const file = receiver.file(`${service}.log`);
    // A copy that is left by copytruncate is another file, which would be read as well.
    const pattern = mode === 'copytruncate' ? file : `${file}*`;
    const agent = await Program.agent('--to', receiver.url, '--file', pattern);
    try {
      const configuration = receiver.file('logrotate.conf');
      const options = mode === 'copytruncate' ? mode : `${mode.replace('create', '')}\ncreate`;
      writeFileSync(configuration, `${file} {\n rotate 9\n missingok\n su root root\n ${options}\n}\n`);
      const rotate = () =>
        execFileSync(findProgram('logrotate'), ['--force', '--state', receiver.file('logrotate.state'), configuration]);
      const line = (n: number) => `line ${n} of a service that writes to a file`;
      const write = (from: number, count = 50) => appendFileSync(file, numbers(count, from).map((n) => `${line(n)}\n`).join(''));
      write(0);
      await arrive(receiver, service, numbers(50).map(line));
      rotate();
      write(50);
      await arrive(receiver, service, numbers(100).map(line));
      // A truncation loses what was not read before it.
      if (mode !== 'copytruncate') {
        await agent.kill();
        write(100);
        rotate();
        write(150);
        rotate();
        write(200);
        await agent.start();
      } else write(100, 150);
      await arrive(receiver, service, numbers(250).map(line));
      rotate();
      write(250);
      await arrive(receiver, service, numbers(300).map(line));
    } finally {
      await agent.remove();
      await receiver.remove();
    }
  });
}

test('containers of Kubernetes: partial lines, streams, JSON, a rotation and symbolic links', async ({ engines }) => {
  const receiver = await Program.start(engines);
  const [container, id] = [unique('web'), '0123456789abcdef'.repeat(4)];
  const pod = receiver.file(`pods/shop_web-0_uid-1/${container}`);
  mkdirSync(pod, { recursive: true });
  mkdirSync(receiver.file('containers'));
  const log = `${pod}/0.log`;
  const cri = (stream: string, text: string) => `${new Date().toISOString()} ${stream} ${text}\n`;
  writeFileSync(log, cri('stdout', 'F plain') + cri('stdout', 'P first ') + cri('stderr', 'F failed') + cri('stdout', 'F second'));
  symlinkSync(log, receiver.file(`containers/web-0_shop_${container}-${id}.log`));
  const agent = await Program.agent('--to', receiver.url, '--kubernetes', receiver.file('containers/*.log'), '--node', 'node-1');
  try {
    await arrive(receiver, container, ['plain', 'first second', 'failed']);
    await agent.kill();
    appendFileSync(log, cri('stdout', 'F {"msg":"paid","level":"warn","order":7}'));
    renameSync(log, `${log}.20261129-100000`);
    writeFileSync(log, 'no line of a container\n');
    await agent.start();
    await arrive(receiver, container, ['plain', 'first second', 'failed', 'paid', 'no line of a container']);
    const [paid] = await new Api(receiver.url).logs(`service:${container} paid`, everything);
    expect(paid).toMatchObject({ severity: 13, node: 'node-1' });
    expect(paid!.attributes).toMatchObject({
      'kubernetes.namespace': 'shop', 'kubernetes.pod': 'web-0', 'kubernetes.container': container,
      'container.id': id, stream: 'stdout', order: 7,
    });
    expect((await new Api(receiver.url).logs(`service:${container} failed`, everything))[0]!.attributes.stream).toBe('stderr');
  } finally {
    await agent.remove();
    await receiver.remove();
  }
});

test('containers of Docker: kills of the agent, restarts of containers and of the daemon', async ({ engines }) => {
  test.slow();
  const docker = await Docker.start();
  test.skip(typeof docker === 'string', String(docker));
  if (typeof docker === 'string') return;
  const receiver = await Program.start(engines);
  const [service, other] = [unique('docker'), unique('off')];
  const agent = await Program.agent('--to', receiver.url, '--docker', `unix://${docker.socket}`, '--multiline', 'java');
  try {
    await docker.image('alpine');
    const run = (name: string, script: string, ...options: string[]) =>
      docker.run('run', '--detach', '--network', 'none', '--name', name, ...options, 'alpine', 'sh', '-c', script);
    // One that has ended before it is seen, with both streams and a long line.
    await run(`${service}-a`, `echo one; echo two >&2; echo ${'x'.repeat(40_000)}`, '--label', `com.docker.compose.service=${service}`, '--label', 'team=a');
    await run(other, 'echo off', '--label', 'logboom.enable=false');
    await arrive(receiver, service, ['one', 'two', 'x'.repeat(40_000)]);
    const [two] = await new Api(receiver.url).logs(`service:${service} two`, everything);
    expect(two!.attributes).toMatchObject({
      'container.name': `${service}-a`, 'container.image.name': 'alpine', 'container.label.team': 'a', stream: 'stderr',
    });
    await docker.run('start', `${service}-a`);
    await until('it was read again', async () => (await messages(receiver, service)).length === 6);

    // With a terminal, and over kills of the agent while lines come.
    const lines = numbers(200).map((n) => `line ${n}`);
    await run(`${service}-b`, 'n=0; while [ $n -lt 200 ]; do echo "line $n"; n=$((n+1)); sleep 0.02; done', '--tty');
    for (let kills = 0; kills < 3; kills += 1) {
      await until('some lines came', async () => (await messages(receiver, `${service}-b`)).length > kills * 30);
      await agent.kill();
      await agent.start();
    }
    await arrive(receiver, `${service}-b`, lines);

    // While the daemon is away, the agent says so, and goes on afterwards.
    await docker.restart();
    await run(`${service}-c`, 'echo "failed"; echo "java.lang.Error: x"; echo "  at a"');
    await arrive(receiver, `${service}-c`, ['failed\njava.lang.Error: x\n  at a']);
    expect(await messages(receiver, other)).toEqual([]);
    expect(await inputs(agent)).toMatchObject([{ input: 'docker', error: null }]);
    expect(JSON.parse(readFileSync(agent.file('data/docker.json'), 'utf8')).format).toBe(1);
  } finally {
    await agent.remove();
    await receiver.remove();
    await docker.stop();
  }
});

test('the journal is followed over kills of the agent', async ({ engines }) => {
  const receiver = await Program.start(engines);
  const service = unique('journal');
  const journal = new Journal(receiver.file('journal'));
  const entry = (n: number) => ({ MESSAGE: `entry ${n}`, PRIORITY: '4', SYSLOG_IDENTIFIER: service, _HOSTNAME: 'box', ORDER: `${n}` });
  await journal.append(...numbers(50).map(entry));
  const agent = await Program.agent('--to', receiver.url, '--journald', journal.folder);
  try {
    const text = (count: number) => numbers(count).map((n) => `entry ${n}`);
    await arrive(receiver, service, text(50));
    await agent.kill();
    await journal.append(...numbers(50, 50).map(entry));
    await agent.start();
    await agent.kill();
    await agent.start();
    await arrive(receiver, service, text(100));
    await journal.append(...numbers(50, 100).map(entry));
    await arrive(receiver, service, text(150));
    const [last] = await new Api(receiver.url).logs(`service:${service} "entry 149"`, everything);
    expect(last).toMatchObject({ severity: 13, node: 'box', attributes: { order: '149' } });
  } finally {
    await agent.remove();
    await receiver.remove();
  }
});

test('agent check looks at each input', async ({ engines }) => {
  const receiver = await Program.start(engines);
  const check = (...options: string[]) =>
    receiver
      .run('logboom', 'agent', 'check', '--to', receiver.url, ...options)
      .then((out) => ({ code: 0, out }), ({ code, stdout, stderr }) => ({ code, out: stdout + stderr }));
  try {
    writeFileSync(receiver.file('a.log'), 'x\n');
    const ok = (out: string) => ({ code: 0, out: expect.stringContaining(out) });
    expect(await check('--file', receiver.file('*.log'))).toMatchObject(ok('files can be read'));
    expect(await check('--kubernetes', receiver.file('pods/*.log'))).toMatchObject(ok('no file matches yet'));
    const failed = (out: string) => ({ code: 1, out: expect.stringContaining(out) });
    expect(await check('--docker', receiver.file('no-socket'))).toMatchObject(failed('no-socket'));
    expect(await check('--journald', receiver.file('no-journal'))).toMatchObject(failed('journalctl'));
  } finally {
    await receiver.remove();
  }
});
