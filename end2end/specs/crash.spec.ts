// The server is killed under load; no acknowledged record is lost, and none is stored twice.
import { setTimeout as sleep } from 'node:timers/promises';
import { unique } from '../fixtures/api.ts';
import { openly } from '../fixtures/load.ts';
import { type Program, runLoadgen } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

async function verify(program: Program, manifest: string): Promise<any> {
  return runLoadgen('verify', '--url', program.url, '--expect', manifest);
}

const clean = { lost: 0, doubled: 0, altered: 0, invented: 0 };

test('all that is sent is stored and shown, once and unaltered', async ({ program }) => {
  for (const door of ['stream', 'push', 'send-log', 'http']) {
    const name = unique(door);
    const manifest = program.file(`${name}.json`);
    const report = await runLoadgen(
      'run', '--url', program.url, '--door', door, '--run-id', name, '--out', manifest,
      '--rate', '2000', '--batch', '100', '--duration', '3', '--live', '--live-wait', '60', '--settle', '120',
    );
    expect(report, door).toMatchObject({ sent: 6000, acknowledged: 6000, errors: 0, stored: { complete: true } });
    openly(report.live);
    expect(await verify(program, manifest), door).toMatchObject({ ...clean, acknowledged: report.sent, found: report.sent });
  }
});

test('the server is killed twice under load: 0 lost, 0 doubled, and the tail is complete', async ({ program }) => {
  const name = unique('killed');
  const manifest = program.file(`${name}.json`);
  const load = runLoadgen(
    'run', '--url', program.url, '--door', 'stream', '--run-id', name, '--out', manifest,
    '--rate', '2000', '--batch', '50', '--duration', '12', '--live', '--live-wait', '60', '--settle', '90',
  );
  for (let time = 0; time < 2; time++) {
    await sleep(3000);
    await program.kill();
    await sleep(500);
    await program.start();
  }
  const report = await load;
  expect(report).toMatchObject({ sent: 24_000, acknowledged: 24_000, errors: 0 });
  expect(report.retries, 'the server was away').toBeGreaterThan(0);
  expect(report.stored.complete).toBe(true);
  expect(await verify(program, manifest)).toMatchObject({ ...clean, found: 24_000 });
  openly(report.live);
});
