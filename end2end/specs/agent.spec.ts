// The agent beside an application: it takes records, keeps them on disk, and sends them on.
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Api, stored, unique } from '../fixtures/api.ts';
import { Lines } from '../fixtures/lines.ts';
import { end, freePort, until } from '../fixtures/process.ts';
import { Program, runLoadgen } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

type Health = {
  delivered: number;
  refused: number;
  dropped: number;
  waiting: { records: number | null; seconds: number; disk_bytes: number; disk_limit: number };
  destinations: { to: string; state: string; delivered: number; error: string | null }[];
  troubles: string[];
};

async function health(agent: { url: string }): Promise<Health> {
  return (await fetch(`${agent.url}/healthz`)).json() as Promise<Health>;
}

async function put(agent: { url: string }, body: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${agent.url}/put`, { method: 'POST', headers, body: JSON.stringify(body) });
}

const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, n) => n + from);
const orders = (receiver: Lines) => receiver.lines.map((line) => JSON.parse(line).order as number);

test('S3: holds logs while the downstream (Logstash by TCP, or a database) is down and delivers them when it is back, oldest first, none lost: by TCP', async () => {
  const receiver = new Lines(await freePort());
  const agent = await Program.agent('--to', `tcp://127.0.0.1:${receiver.port}`);
  try {
    for (const order of numbers(60)) {
      const answer = await put(agent, { service: 'shop', message: `order ${order}`, order });
      expect([answer.status, await answer.json()]).toEqual([200, { result: 'ok' }]);
      // What was answered is on disk.
      if (order % 20 === 19) {
        await agent.kill();
        await agent.start();
      }
    }
    await until('the outage is seen', async () => (await health(agent)).destinations[0]!.state === 'failing');
    await until('what waits is counted', async () => (await health(agent)).waiting.records === 60);
    await receiver.start();
    await until('all arrived', async () => receiver.lines.length >= 60);
    expect(orders(receiver)).toEqual(numbers(60));

    await receiver.stop();
    for (const order of numbers(20, 60)) expect((await put(agent, { message: 'again', order })).status).toBe(200);
    await receiver.start();
    await until('the others arrived', async () => new Set(orders(receiver)).size === 80);
    // The protocol has no acknowledgement, so some may come twice, but the first times are in order.
    expect([...new Set(orders(receiver))]).toEqual(numbers(80));
    await until('nothing waits', async () => (await health(agent)).waiting.records === 0);
    await until('all are counted as delivered', async () => (await health(agent)).delivered >= 80);
    expect(await health(agent)).toMatchObject({ delivered: 80, refused: 0, dropped: 0, troubles: [] });
  } finally {
    await agent.remove();
    await receiver.stop();
  }
});

test('agent and Logboom are killed in turns under load: nothing lost, nothing doubled', async ({ engines }) => {
  const receiver = await Program.start(engines);
  const agent = await Program.agent('--to', receiver.url);
  try {
    const name = unique('agent');
    const manifest = agent.file('sent.json');
    const report = runLoadgen(
      'run', '--url', agent.url, '--door', 'stream', '--run-id', name, '--out', manifest,
      '--rate', '2000', '--batch', '50', '--duration', '14',
    );
    for (const program of [agent, receiver, agent, receiver]) {
      await sleep(2500);
      await program.kill();
      await sleep(500);
      await program.start();
    }
    expect(await report).toMatchObject({ sent: 28_000, acknowledged: 28_000, errors: 0 });
    await until('nothing waits', async () => (await health(agent)).waiting.records === 0);
    const verdict = await runLoadgen('verify', '--url', receiver.url, '--expect', manifest);
    expect(verdict).toMatchObject({ lost: 0, doubled: 0, altered: 0, invented: 0, found: 28_000 });
  } finally {
    await agent.remove();
    await receiver.remove();
  }
});

test('records without ids are stored once, too, and in order, when both are killed', async ({ engines }) => {
  const receiver = await Program.start(engines);
  const agent = await Program.agent('--to', receiver.url);
  try {
    const service = unique('once');
    const record = (order: number) => ({ service, message: `order ${order}`, order });
    for (const round of numbers(4)) {
      for (const order of numbers(100, round * 100)) expect((await put(agent, record(order))).status).toBe(200);
      await (round % 2 ? agent : receiver).kill();
      await (round % 2 ? agent : receiver).start();
    }
    const arrived = await stored(new Api(receiver.url), service, 400);
    expect(arrived.map(({ attributes }) => attributes.order)).toEqual(numbers(400));
  } finally {
    await agent.remove();
    await receiver.remove();
  }
});

/** Seven records that no compression makes smaller: about 7 MiB. */
const large = (first: number) =>
  numbers(7, first).map((order) => ({ service: 'bulk', message: randomBytes(780_000).toString('base64'), order }));

test('a full disk blocks clients by default, and what was taken arrives', async () => {
  const receiver = new Lines(await freePort());
  const agent = await Program.agent('--to', `tcp://127.0.0.1:${receiver.port}`, '--max-disk', '64MiB');
  try {
    let taken = 0;
    let refused: Response | undefined;
    while (!refused) {
      const answer = await put(agent, large(taken));
      if (answer.ok) taken += 7;
      else refused = answer;
      expect(taken, 'the disk has a limit').toBeLessThan(200);
    }
    expect(taken).toBeGreaterThan(28);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.text()).toContain('--max-disk 64.0 MiB');
    await until('it is not ready', async () => (await fetch(`${agent.url}/readyz`)).status === 503);
    await receiver.start();
    await until('what was taken arrived', async () => receiver.lines.length >= taken);
    expect([...new Set(orders(receiver))]).toEqual(numbers(taken));
    await until('new records are taken', async () => (await put(agent, { message: 'room', order: taken })).ok);
    await until('it arrives', async () => orders(receiver).includes(taken));
    expect((await health(agent)).dropped).toBe(0);
  } finally {
    await agent.remove();
    await receiver.stop();
  }
});

test('with drop-oldest a full disk drops the oldest records, and counts them', async () => {
  const receiver = new Lines(await freePort());
  const options = ['--to', `tcp://127.0.0.1:${receiver.port}`, '--max-disk', '64MiB', '--when-full', 'drop-oldest'];
  const agent = await Program.agent(...options);
  try {
    let taken = 0;
    while (taken < 210) {
      // While space is being made, a client may have to try again.
      if ((await put(agent, large(taken))).ok) taken += 7;
      else await sleep(100);
    }
    const { dropped } = await health(agent);
    expect(dropped).toBeGreaterThan(0);
    expect((await health(agent)).waiting.disk_bytes).toBeLessThanOrEqual(64 << 20);
    await receiver.start();
    await until('nothing waits', async () => (await health(agent)).waiting.records === 0);
    let end = await health(agent);
    await until('each is counted', async () => {
      end = await health(agent);
      return end.delivered + end.dropped >= taken;
    });
    expect(end.delivered + end.dropped).toBe(taken);
    // The newest are there, in order.
    await until('the last one arrived', async () => orders(receiver).at(-1) === taken - 1);
    expect([...new Set(orders(receiver))]).toEqual(numbers(end.delivered, end.dropped));
    const metrics = await (await fetch(`${agent.url}/metrics`)).text();
    expect(metrics).toContain(`logboom_agent_dropped_total ${end.dropped}`);
  } finally {
    await agent.remove();
    await receiver.stop();
  }
});

test('the first destination that answers gets the records, and the status page shows both', async ({ page }) => {
  const [first, second] = [new Lines(await freePort()), new Lines(await freePort())];
  await second.start();
  const agent = await Program.agent('--to', `tcp://127.0.0.1:${first.port}`, '--to', `tcp://127.0.0.1:${second.port}`);
  try {
    await put(agent, { message: '<b>one</b>', order: 1 });
    await until('the second has it', async () => second.lines.length === 1);
    // The page shows the state of its moment.
    await until('this is counted', async () => {
      const { delivered, destinations } = await health(agent);
      return delivered === 1 && destinations[0]!.state === 'failing' && destinations[1]!.state === 'up';
    });
    const backgrounds = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.goto(agent.url);
      await expect(page.getByTestId('delivered')).toHaveText('1');
      const rows = page.getByTestId('destination');
      await expect(rows.nth(0)).toContainText('failing');
      await expect(rows.nth(1)).toContainText('up');
      backgrounds.push(await page.evaluate(() => {
        const probe = document.body.appendChild(document.createElement('p'));
        probe.style.color = 'CanvasText';
        return getComputedStyle(probe).color;
      }));
    }
    expect(new Set(backgrounds).size, 'light and dark').toBe(2);
    expect(await page.evaluate(() => document.scripts.length)).toBe(0);
    await first.start();
    await until('the first is tried again', async () => {
      await put(agent, { message: 'two', order: 2 });
      return first.lines.length > 0;
    });
  } finally {
    await agent.remove();
    await first.stop();
    await second.stop();
  }
});

test('agent check tells whether an agent works, and whether one would', async () => {
  const receiver = new Lines(await freePort());
  const to = `tcp://127.0.0.1:${receiver.port}`;
  const agent = await Program.agent('--to', to);
  const check = (...options: string[]) =>
    agent.run('logboom', 'agent', 'check', ...options).then((out) => ({ code: 0, out }), ({ code, stdout, stderr }) => ({ code, out: stdout + stderr }));
  try {
    await put(agent, { message: 'one' });
    await until('the outage is seen', async () => (await health(agent)).destinations[0]!.state === 'failing');
    expect(await check('--server', agent.url)).toMatchObject({ code: 1, out: expect.stringContaining(`${to} is failing`) });
    expect(await check('--to', to)).toMatchObject({ code: 1, out: expect.stringContaining('cannot be reached') });
    await receiver.start();
    await until('it arrived', async () => receiver.lines.length === 1);
    await until('this is counted', async () => (await health(agent)).delivered === 1);
    expect(await check('--server', agent.url)).toMatchObject({ code: 0, out: expect.stringContaining('1 records delivered') });
    expect(await check('--to', to, '--data', 'new/folder')).toMatchObject({ code: 0, out: expect.stringContaining('can be written') });
    expect(await check('--to', to, '--data', 'bin/logboom/data')).toMatchObject({ code: 1 });
    expect(await check('--server', 'http://127.0.0.1:1')).toMatchObject({ code: 1, out: expect.stringContaining('--server') });
  } finally {
    await agent.remove();
    await receiver.stop();
  }
});

test('files are followed over rotations, truncation and kills of the agent: each line once', async ({ engines }) => {
  const receiver = await Program.start(engines);
  const service = unique('file');
  const file = receiver.file(`${service}.log`);
  const agent = await Program.agent('--to', receiver.url, '--file', receiver.file(`${service}*`));
  try {
    const api = new Api(receiver.url);
    const write = (from: number, count: number, more = '') =>
      appendFileSync(file, numbers(count, from).map((n) => `line ${n} ${more}\n`).join(''));
    write(0, 50);
    await stored(api, service, 50);
    write(50, 50);
    renameSync(file, `${file}.1`);
    write(100, 50);
    await agent.kill();
    write(150, 50);
    renameSync(`${file}.1`, `${file}.2`);
    renameSync(file, `${file}.1`);
    write(200, 50);
    await agent.start();
    await agent.kill();
    await agent.start();
    await until('all lines are stored', async () => (await lines()).length >= 250);
    // As logrotate's copytruncate does. What was not read before is lost by it, so this waits.
    truncateSync(file);
    write(250, 50, 'longer than all that was in the file before '.repeat(5));
    appendFileSync(file, 'line 300');
    await until('the others, too', async () => (await lines()).length >= 300);
    appendFileSync(file, ' is complete now\n');
    await until('the partial line', async () => (await lines()).length >= 301);
    expect((await lines()).sort((a, b) => a - b)).toEqual(numbers(301));
    expect(await api.logs(`message:"line 300"`)).toMatchObject([{ message: 'line 300 is complete now', service }]);
  } finally {
    await agent.remove();
    await receiver.remove();
  }

  /** The numbers of all lines that arrived. */
  async function lines(): Promise<number[]> {
    const found = await new Api(receiver.url).logs(`service:${service}*`, { from: '1970-01-01T00:00:00Z', limit: '1000' });
    return found.map(({ message }) => Number(message.split(' ')[1]));
  }
});

test('the commands of docs/agent.md work as they are', async ({ engines }) => {
  const markdown = readFileSync(resolve(import.meta.dirname, '../../docs/agent.md'), 'utf8');
  const blocks = [...markdown.matchAll(/^```sh\n(.*?)^```/gms)].map((block) => block[1]!.replaceAll('\\\n', ' ').trim());
  const [runs, puts, checks] = [/^logboom agent --to/, /^curl /, /^logboom agent check/].map((kind) =>
    blocks.filter((block) => kind.test(block)),
  );
  expect([runs!.length, puts!.length, checks!.length, blocks.length]).toEqual([2, 1, 2, 5]);
  const receiver = await Program.start(engines);
  const [service, port] = [unique('docs'), await freePort()];
  const own = (command: string) =>
    command
      .replaceAll('127.0.0.1:3000', `127.0.0.1:${port}`)
      .replaceAll('http://logs.example.com:3000', receiver.url)
      .replaceAll('/var/lib/logboom-agent', receiver.file('agent'))
      .replaceAll('/var/log/shop', receiver.file('shop'))
      .replaceAll('"shop"', `"${service}"`);
  const start = async (command: string) => {
    const agent = receiver.launch('bash', '-c', `exec ${own(command)} --listen 127.0.0.1:${port}`);
    await until('the agent is ready', () => fetch(`http://127.0.0.1:${port}/readyz`).then(({ ok }) => ok, () => false));
    return agent;
  };
  let agent = await start(runs![0]!);
  try {
    expect(await receiver.run('bash', '-c', own(puts![0]!))).toContain('{"result":"ok"}');
    await stored(new Api(receiver.url), service, 1);
    for (const command of checks!) expect(await receiver.run('bash', '-c', own(command))).not.toBe('');
    await end(agent, 'SIGTERM');
    mkdirSync(receiver.file('shop'));
    writeFileSync(receiver.file(`shop/${service}-file.log`), 'from a file\n');
    agent = await start(runs![1]!);
    await stored(new Api(receiver.url), `${service}-file`, 1);
  } finally {
    await end(agent, 'SIGTERM');
    await receiver.remove();
  }
});
