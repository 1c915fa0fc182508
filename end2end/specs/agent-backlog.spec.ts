// A long outage: many records wait on the disk of an agent, and all of them arrive. `make soak-faults` does it with ten
// million.
import { unique } from '../fixtures/api.ts';
import { until } from '../fixtures/process.ts';
import { Program, runLoadgen } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

const RECORDS = 200_000;

type Waiting = { records: number | null; disk_bytes: number };
type Health = { delivered: number; refused: number; dropped: number; waiting: Waiting; troubles: string[] };

const health = async (agent: Program) => (await (await fetch(`${agent.url}/healthz`)).json()) as Health;

test(`${RECORDS} records that come while the destination is away arrive, each once and as it was sent`, async () => {
  test.slow();
  const destination = await Program.unstarted({});
  const agent = await Program.agent('--to', destination.url);
  const manifest = agent.file('sent.json');
  try {
    const report = await runLoadgen(
      'run', '--url', agent.url, '--door', 'stream', '--run-id', unique('backlog'), '--out', manifest,
      '--records', String(RECORDS),
    );
    expect(report).toMatchObject({ sent: RECORDS, acknowledged: RECORDS, errors: 0 });
    // They outlive the agent.
    await agent.kill();
    await agent.start();
    await until('what waits is counted', async () => (await health(agent)).waiting.records === RECORDS);
    const { waiting } = await health(agent);
    await destination.start();
    await until('nothing waits', async () => (await health(agent)).waiting.records === 0, 400);
    await until('all are counted as delivered', async () => (await health(agent)).delivered >= RECORDS);
    expect(await health(agent)).toMatchObject({ delivered: RECORDS, refused: 0, dropped: 0, troubles: [] });
    const verdict = await runLoadgen('verify', '--url', destination.url, '--expect', manifest);
    expect(verdict).toMatchObject({ lost: 0, doubled: 0, altered: 0, invented: 0, found: RECORDS });
    await until('the disk is free again', async () => (await health(agent)).waiting.disk_bytes < waiting.disk_bytes);
  } finally {
    await agent.remove();
    await destination.remove();
  }
});
