// A service logs with winston, and its lines appear in an open browser.
import { expect, test } from '../fixtures/test.ts';

test('lines logged with winston appear live, in order, each once', async ({ service, explore }) => {
  await explore.openLive(`node:${service.node}`);
  const lines = ['connecting to the warehouse', 'the warehouse is slow', 'order 17 could not be packed'];
  await service.log('info', lines[0]!);
  await service.log('warn', lines[1]!);
  await service.log('error', lines[2]!);
  await expect(explore.messages).toHaveText(lines);
  // No record is repeated.
  await service.log('http', 'GET /done');
  await expect(explore.messages).toHaveText([...lines, 'GET /done']);
});

test('the colours that winston puts around a level are removed', async ({ service, explore, api }) => {
  await explore.openLive(`node:${service.node}`);
  await service.log('error', 'in red on a terminal');
  await expect(explore.row('in red')).toHaveAttribute('data-level', 'error');
  const [record] = await api.logs(`node:${service.node}`);
  expect(record).toMatchObject({ level: 'error', severity: 17, service: service.node, node: service.node });
});

test('the time that winston writes is the time that is stored', async ({ service, api }) => {
  const before = Date.now();
  await service.log('info', 'what time is it');
  const after = Date.now();
  await expect.poll(() => api.logs(`node:${service.node}`)).toHaveLength(1);
  const [record] = await api.logs(`node:${service.node}`);
  const time = Date.parse(record!.time);
  expect(time).toBeGreaterThanOrEqual(before);
  expect(time).toBeLessThanOrEqual(after);
  expect(record!.attributes).toEqual({});
});

test('a live view shows only what its query matches', async ({ service, explore }) => {
  await explore.openLive(`node:${service.node} level>=warn`);
  await service.log('info', 'not shown');
  await service.log('warn', 'shown first');
  await service.log('debug', 'not shown either');
  await service.log('error', 'shown second');
  await expect(explore.messages).toHaveText(['shown first', 'shown second']);
});

test('the newest records are on the page when it is opened, and the tail goes on from there', async ({
  service,
  explore,
}) => {
  for (let n = 1; n <= 5; n++) await service.log('info', `before ${n}`);
  await explore.openLive(`node:${service.node}`);
  await service.log('info', 'after');
  await expect(explore.messages).toHaveText(['before 1', 'before 2', 'before 3', 'before 4', 'before 5', 'after']);
});
