// The side panel: a record's context, and its trace.
import { unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

test('the context of a record does not care for the filter, and the filter stays', async ({ api, explore, page }) => {
  const service = unique('context');
  const at = Date.now() - 60_000;
  await api.store(
    ...['before', 'the error', 'after'].map((message, n) => ({
      service,
      node: 'n1',
      level: n === 1 ? 'error' : 'info',
      message,
      time: new Date(at + n * 1500).toISOString(),
    })),
    { service, node: 'n2', message: 'on another node', time: new Date(at).toISOString() },
  );
  await explore.open({ q: `level:error service:${service}`, range: '1h' });
  await expect(explore.messages).toHaveText(['the error']);
  const detail = await explore.expand('the error');
  await detail.getByTestId('show-context').click();
  const beside = page.getByTestId('beside-row');
  await expect(beside.locator('.message')).toHaveText(['before', 'the error', 'after']);
  await expect(beside.locator('.offset')).toHaveText(['-1.5 s', '+0 ms', '+1.5 s']);
  await expect(explore.searchBox).toHaveValue(`level:error service:${service}`);
  await expect(page).toHaveURL(/context=/);
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('beside')).toHaveCount(0);
});

test('a trace is shown over all services, in the order of time', async ({ api, explore, page }) => {
  const services = ['front', 'shop', 'bank'].map(unique);
  const trace = 'f00dfeed'.repeat(3) + Math.floor(Math.random() * 0xffffffff).toString(16).padStart(8, '0');
  const at = Date.now() - 30_000;
  for (const [n, service] of services.entries()) {
    await api.store({ service, message: `step ${n}`, trace_id: trace, time: new Date(at + n * 40).toISOString() });
  }
  await explore.open({ q: `service:${services[1]}`, range: '1h' });
  await expect(explore.rows).toHaveCount(1);
  await page.keyboard.press('j');
  await page.keyboard.press('t');
  await expect(page.getByTestId('beside-row').locator('.message')).toHaveText(['step 0', 'step 1', 'step 2']);
  await expect(page.getByTestId('beside-row').locator('.offset')).toHaveText(['+0 ms', '+40 ms', '+80 ms']);
  await page.reload();
  await expect(page.getByTestId('beside-row')).toHaveCount(3);
});
