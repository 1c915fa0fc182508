// Several workers share the ports. One is killed under load, and all are replaced under load.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { unique } from '../fixtures/api.ts';
import { openly } from '../fixtures/load.ts';
import { children, freePort, isRunning, until } from '../fixtures/process.ts';
import { Program, runLoadgen } from '../fixtures/program.ts';
import { Systemd } from '../fixtures/systemd.ts';
import { expect, test } from '../fixtures/test.ts';

/** What a verdict must say. Doors over TCP add attributes of their protocol, so no record is as it was sent. */
function clean(door: string): Record<string, unknown> {
  const counts = { lost: 0, doubled: 0, invented: 0 };
  return ['forward', 'packets'].includes(door) ? counts : { ...counts, altered: 0 };
}

let program: Program;
let tcpPort: number;
let fluentPort: number;
let systemd: Systemd;

test.beforeAll(async ({ engines }) => {
  [tcpPort, fluentPort] = [await freePort(), await freePort()];
  program = await Program.unstarted(
    engines, '--workers', '2',
    '--tcp-listen', `127.0.0.1:${tcpPort}`, '--fluent-listen', `127.0.0.1:${fluentPort}`,
  );
  systemd = await Systemd.start(program.file('notify'));
  Object.assign(program.environment, systemd.environment(1));
  await program.start();
  await bothReady();
  await until('the start is reported', async () => systemd.messages.includes('READY=1'));
});

test.afterAll(async () => {
  await program?.remove();
  await systemd?.stop();
});

test.afterEach(async ({}, testInfo) => {
  if (testInfo.status !== testInfo.expectedStatus) await testInfo.attach('server log', { path: program.logFile });
});

/** A load of some seconds through one door. */
function load(door: string, seconds: number, ...more: string[]) {
  const name = unique(door);
  const manifest = program.file(`${name}.json`);
  const report = runLoadgen(
    'run', '--url', program.url, '--grpc-url', `http://${program.grpcAddress}`, '--door', door, '--run-id', name,
    '--out', manifest, '--batch', '10', '--duration', String(seconds), ...more,
  );
  return { door, report, verdict: () => runLoadgen('verify', '--url', program.url, '--expect', manifest, '--patience', '30') };
}

const workers = () => children(program.pid);

/** A call over a connection of its own, which any worker may accept. */
function call(path: string): Promise<Response> {
  return fetch(`${program.url}${path}`, { headers: { connection: 'close' } });
}

/** A metric of each worker, from as many calls as it takes to meet both. */
async function metric(name: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const pattern = new RegExp(`^${name}\\{worker="(\\d)"\\} (\\S+)$`, 'gm');
  await until(`both workers answer with ${name}`, async () => {
    // A worker that ends may answer no more.
    const text = await call('/metrics').then((answer) => answer.text()).catch(() => '');
    for (const [, worker, value] of text.matchAll(pattern)) {
      found.set(worker!, Number(value));
    }
    return found.size === 2;
  });
  return found;
}

async function bothReady(): Promise<void> {
  await until('both workers are ready', async () =>
    [...(await metric('logboom_workers_ready')).values()].every((ready) => ready === 2));
}

test('S4: several workers share the load (by HTTP, gRPC and TCP, on the same ports)', async () => {
  const accepted = 'logboom_records_accepted_total';
  const doors: [string, ...string[]][] = [
    ['http'],
    ['push'],
    ['forward', '--socket-url', `tcp://127.0.0.1:${fluentPort}`],
    ['packets', '--socket-url', `tcp://127.0.0.1:${tcpPort}`],
  ];
  for (const [door, ...more] of doors) {
    const before = await metric(accepted);
    // The worker that is free accepts a connection, so that one run may reach one worker alone.
    await until(`both workers take records by ${door}`, async () => {
      const { report, verdict } = load(door, 1, '--rate', '200', '--connections', '8', ...more);
      expect(await report).toMatchObject({ sent: 200, acknowledged: 200, errors: 0 });
      expect(await verdict()).toMatchObject({ ...clean(door), found: 200 });
      const after = await metric(accepted);
      return [...before].every(([worker, count]) => after.get(worker)! > count);
    });
  }
  // Each line of their logs has a number.
  const log = readFileSync(program.logFile, 'utf8');
  for (const number of [1, 2]) expect(log).toMatch(new RegExp(`^worker ${number} .* ready `, 'm'));
});

test('S4: one that dies is replaced and the others go on (killed under load, replaced at once: 0 lost, 0 doubled)', async () => {
  const deaths = (await metric('logboom_worker_deaths_total')).get('1')!;
  const loads = [
    load('http', 6, '--rate', '500', '--live', '--live-wait', '60'),
    load('stream', 6, '--rate', '500'),
  ];
  await sleep(2000);
  const [killed, other] = workers();
  process.kill(killed!, 'SIGKILL');
  const since = Date.now();
  // It takes no connection any more, and the other one answers.
  await until('it has ended', async () => !isRunning(killed!), 60, 5);
  expect((await call('/healthz')).status).toBe(200);
  await until('another one runs', async () => workers().length === 2 && !workers().includes(killed!), 60, 5);
  // At once, and not after a pause that grows. A busy machine adds to it.
  expect(Date.now() - since).toBeLessThan(20_000);
  expect(workers()).toContain(other);
  await bothReady();
  for (const { door, report, verdict } of loads) {
    const reported = await report;
    expect(reported).toMatchObject({ sent: 3000, acknowledged: 3000, errors: 0 });
    if (reported.live) openly(reported.live);
    expect(await verdict()).toMatchObject({ ...clean(door), found: 3000 });
  }
  await expect.poll(async () => [...(await metric('logboom_worker_deaths_total')).values()]).toEqual([deaths + 1, deaths + 1]);
});

test('all are replaced under load: no connection fails, 0 lost, 0 doubled, and tails continue', async () => {
  const before = workers();
  const [deaths, rolled] = [await metric('logboom_worker_deaths_total'), await metric('logboom_workers_rolled_total')];
  systemd.messages.length = 0;
  const loads = [
    load('http', 10, '--rate', '300', '--live', '--live-wait', '60'),
    load('push', 10, '--rate', '300'),
    load('stream', 10, '--rate', '300'),
    load('forward', 10, '--rate', '300', '--socket-url', `tcp://127.0.0.1:${fluentPort}`),
  ];
  // A client that connects anew for each call; every call must be answered.
  let rolling = true;
  let calls = 0;
  const failures: string[] = [];
  const caller = (async () => {
    while (rolling) {
      await call('/healthz').then(
        (answer) => answer.ok || failures.push(String(answer.status)),
        (error) => failures.push(String(error.cause ?? error)),
      );
      calls++;
    }
  })();
  await sleep(1000);
  process.kill(program.pid, 'SIGHUP');
  await until('both are replaced', async () => {
    const now = workers();
    return now.length === 2 && !now.some((pid) => before.includes(pid));
  });
  rolling = false;
  await caller;
  expect(failures).toEqual([]);
  expect(calls).toBeGreaterThan(10);
  const all = rolled.get('1')! + 2;
  await expect.poll(async () => [...(await metric('logboom_workers_rolled_total')).values()]).toEqual([all, all]);
  expect(await metric('logboom_worker_deaths_total')).toEqual(deaths);

  for (const { door, report, verdict } of loads) {
    const reported = await report;
    if (door === 'forward') {
      // An answer may be lost with its connection; records of this door have no id under which to send them again.
      expect(reported.acknowledged + reported.errors).toBe(3000);
      expect(await verdict()).toMatchObject(clean(door));
      continue;
    }
    expect(reported).toMatchObject({ sent: 3000, acknowledged: 3000, errors: 0 });
    if (door === 'http') {
      openly(reported.live);
      expect(reported.live.reconnects).toBeGreaterThan(0);
      // Not one request met a closed connection.
      expect(reported.retries).toBe(0);
    }
    expect(await verdict()).toMatchObject({ ...clean(door), found: 3000 });
  }
  await until('the end of the roll is reported', async () => systemd.messages.includes('READY=1'));
  const states = systemd.messages.filter((line) => /^(READY|RELOADING)/.test(line));
  expect(states).toEqual(['RELOADING=1', 'READY=1']);
});

test('systemd hears that the program is alive, and when it ends', async () => {
  systemd.messages.length = 0;
  await until('two signs of life', async () => systemd.messages.filter((line) => line === 'WATCHDOG=1').length >= 2);
  const pids = workers();
  const since = Date.now();
  await program.stop();
  // The workers drain within their limits, and the program ends after them.
  expect(Date.now() - since).toBeLessThan(60_000);
  expect(pids.filter(isRunning)).toEqual([]);
  await until('the end is reported', async () => systemd.messages.includes('STOPPING=1'));
  expect(readFileSync(program.logFile, 'utf8')).toContain('all workers have ended');
  await program.start();
  await until('the start is reported', async () => systemd.messages.includes('READY=1'));
});

test('workers end when the supervising process is killed', async () => {
  await bothReady();
  const pids = workers();
  await program.kill();
  await until('the workers have ended', async () => !pids.some(isRunning));
  await program.start();
  await bothReady();
});

test('embedded engines are refused', async () => {
  const refusal = await program.run('logboom', '--workers', '2').then(() => '', (error) => String(error.stderr));
  expect(refusal).toContain('--workers 2 with --queue embedded');
  expect(refusal).toContain('--workers 1');
});
