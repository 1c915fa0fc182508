// Overview, System and Connect.
import { unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

test('the overview shows what comes, and goes on by itself', async ({ api, page }) => {
  const service = unique('busy');
  // More than other tests leave, because only the busiest are shown.
  const some = (level: string) => Array.from({ length: 300 }, (_, n) => ({ service, level, message: `${level} ${n}` }));
  await api.store(...some('error'), ...some('info'));
  await page.goto('/overview');
  const row = page.locator(`[data-testid=service-row][data-service=${service}]`);
  await expect(row).toContainText('50.0 %');
  await expect(page.getByTestId('tile-stored')).not.toHaveText(/–/);
  await expect(page.getByTestId('traffic').locator('rect').first()).toBeAttached();
  // Without a reload.
  await api.push(...some('info'), ...some('warn'));
  await expect(row).toContainText('25.0 %');
  await row.getByRole('link', { name: service }).click();
  await expect(page.getByTestId('log-row').first()).toBeVisible();
});

test('the system page says how the engines are', async ({ page, pair }) => {
  await page.goto('/system');
  await expect(page.getByTestId('card-store')).toContainText(pair === 'embedded' ? 'embedded' : 'PostgreSQL');
  await expect(page.getByTestId('card-queue')).toContainText(pair === 'embedded' ? 'embedded' : 'RabbitMQ', {
    ignoreCase: true,
  });
  await expect(page.getByTestId('card-queue')).toContainText('healthy');
  await expect(page.getByTestId('no-dead-letters')).toBeVisible();
});

test('the connect page names this server and shows the line that comes', async ({ api, page }) => {
  const service = unique('hello');
  await page.goto('/connect');
  await expect(page.getByTestId('snippet-curl')).toContainText(`${api.url}/api/v1/push`);
  await expect(page.locator('body[data-hydrated=true]')).toBeAttached();
  await expect(page.getByTestId('waiting-line')).toBeVisible();
  // The tail must be open first.
  await expect
    .poll(async () => {
      await api.push({ service, message: 'it works' });
      return page.getByTestId('first-line').filter({ hasText: service }).count();
    })
    .toBe(1);
  await page.getByTestId('first-line').getByRole('link').click();
  await expect(page.getByTestId('log-row').filter({ hasText: service }).first()).toBeVisible();
});

test('the snippets of the connect page work as they stand', async ({ api, page, program }) => {
  await page.goto('/connect');
  for (const [name, command, ...options] of [
    ['curl', 'sh', '-c'],
    ['node', 'node', '--input-type=module', '-e'],
    ['python', 'python3', '-c'],
  ] as const) {
    const text = await page.getByTestId(`snippet-${name}`).innerText();
    await program.run(command, ...options, text);
    await expect.poll(async () => (await api.logs(`"hello from ${name}"`)).length).toBeGreaterThan(0);
  }
  // The addresses are those of this server, also of disabled doors.
  await expect(page.getByTestId('snippet-winston')).toContainText(program.grpcAddress);
  await expect(page.locator('#logger')).toContainText('--syslog-listen 127.0.0.1:5514');
  const lines = (await page.getByTestId('snippet-lines').innerText()).replace('my-program', 'printf "%s\\n" one two');
  await program.run('sh', '-c', lines.replace('--service shop', `--service ${program.grpcAddress}`));
  await expect.poll(async () => (await api.logs(`service:"${program.grpcAddress}"`)).length).toBe(2);
});

test('without JavaScript the pages are readable', async ({ api, browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false, baseURL: api.url });
  const page = await context.newPage();
  for (const [path, text] of [
    ['/overview', 'Services'],
    ['/system', 'Retention'],
    ['/connect', 'curl'],
    ['/?show=patterns&range=1h', 'Patterns'],
  ] as const) {
    await page.goto(path);
    await expect(page.locator('main')).toContainText(path.startsWith('/?') ? /match/i : text);
  }
  await context.close();
});
