// Endpoints for operators and load balancers.
import { expect, test } from '../fixtures/test.ts';

test('the process is alive and its engines are ready', async ({ api }) => {
  expect((await api.get('/healthz')).status).toBe(200);
  const ready = await api.get('/readyz');
  expect(ready.status).toBe(200);
  expect(await ready.json()).toMatchObject({ ready: true });
  for (const [path, part] of [['/readyz/write', 'queue'], ['/readyz/read', 'store']] as const) {
    const answer = await api.get(path);
    expect(answer.status).toBe(200);
    expect(Object.keys(await answer.json()).sort()).toEqual([part, 'ready'].sort());
  }
});

test('metrics are told in the Prometheus text format', async ({ api }) => {
  await api.push({ message: 'counted' });
  const answer = await api.get('/metrics');
  expect(answer.status).toBe(200);
  expect(await answer.text()).toMatch(/^logboom_\w+(\{.*\})? \d/m);
});

test('gRPC is answered on the main port as well', async ({ program, api }) => {
  const { GrpcClient } = await import('../fixtures/grpc.ts');
  const { unique } = await import('../fixtures/api.ts');
  const client = new GrpcClient(`127.0.0.1:${program.port}`);
  const node = unique('main');
  expect((await client.sendLog({ node, level: 'info', message: 'through the main port' })).answer).toEqual({ success: true });
  await expect.poll(() => api.logs(`node:${node}`)).toHaveLength(1);
  client.close();
});

test('the page and its files are served compressed', async ({ program }) => {
  const page = await (await fetch(program.url)).text();
  const wasm = /["'(]([^"'()]+\.wasm)["')]/.exec(page)?.[1];
  expect(wasm, 'the page names its WebAssembly').toBeTruthy();
  const answer = await fetch(new URL(wasm!, program.url), { headers: { 'accept-encoding': 'gzip' } });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('application/wasm');
});
