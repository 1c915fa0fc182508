// The section Replays of the page System, driven as by a user, in both themes, wide and narrow.
import { Api, unique } from '../fixtures/api.ts';
import { freePort, until } from '../fixtures/process.ts';
import { type Engines, Program } from '../fixtures/program.ts';
import { protocols, Receiver } from '../fixtures/receiver.ts';
import { sink } from '../fixtures/sinks.ts';
import { expect, test } from '../fixtures/test.ts';
import type { Page } from '@playwright/test';

const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
const DAY = day(-1);

const records = (service: string, count: number) =>
  Array.from({ length: count }, (_, n) => ({ service, time: `${DAY}T0${n % 10}:00:00Z`, message: `order ${n}` }));

/** A server with an archive, whose sink delivers to a receiver like Elasticsearch. */
async function start(engines: Engines): Promise<{ name: string; program: Program; receiver: Receiver }> {
  const name = unique('section');
  const receiver = new Receiver(await freePort(), protocols.elasticsearch, () => false);
  await receiver.start();
  const program = await Program.unstarted(engines);
  const url = `elasticsearch+http://127.0.0.1:${receiver.port}/logs-{yyyy}?query=service:${name}`;
  program.add('--sink', `${name}=${url}`, '--archive', `file://${program.file('archive')}`);
  program.add('--archive-every', '1s', '--archive-grace', '0s');
  await program.start();
  return { name, program, receiver };
}

/** Fills in the form and sends it. */
async function send(page: Page, fields: { day: string; source?: string; to: string; query?: string }): Promise<void> {
  const form = page.getByTestId('replay-form');
  await form.locator('[name=day]').fill(fields.day);
  if (fields.source !== undefined) await form.locator('[name=source]').selectOption({ value: fields.source });
  await form.locator('[name=to]').selectOption({ value: fields.to });
  await form.locator('[name=query]').fill(fields.query ?? '');
  await form.getByRole('button', { name: 'Send again' }).click();
}

/** Saves pictures of the section, and checks that nothing is wider than the page. */
async function picture(page: Page, state: string): Promise<void> {
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.locator('#replays').scrollIntoViewIfNeeded();
      await page.screenshot({ path: test.info().outputPath(`${state}-${width}-${colorScheme}.png`), fullPage: true });
    }
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

test('the form starts a replay, shows its progress and result, and cancels it', async ({ engines, page }) => {
  const { name, program, receiver } = await start(engines);
  try {
    await new Api(program.url).push(...records(name, 300));
    await until('the sink has sent all', async () => (await sink(program, name)).records === 300);
    await receiver.stop();
    await page.goto(`${program.url}/system#replays`);
    await send(page, { day: DAY, source: 'store', to: name, query: 'level>=info' });
    await expect(page).toHaveURL(/\/system#replays$/);
    const row = page.getByTestId('replay').first();
    await expect(row).toHaveAttribute('data-state', 'running');
    await expect(row).toContainText(`${DAY} · store → ${name}`);
    await expect(row.locator('code')).toHaveText('level>=info');
    await expect(async () => {
      await page.reload();
      await expect(row).toContainText('Not reachable; retrying', { timeout: 5000 });
      await expect(row.getByRole('progressbar')).toHaveAttribute('value', '0.000', { timeout: 5000 });
    }).toPass();
    await picture(page, 'running');
    await row.getByRole('button', { name: 'Cancel' }).click();
    await expect(row).toHaveAttribute('data-state', 'cancelled');
    await expect(row.getByRole('progressbar')).toHaveCount(0);

    await receiver.start();
    await send(page, { day: DAY, source: 'store', to: name });
    await expect(async () => {
      await page.reload();
      await expect(row).toHaveAttribute('data-state', 'done', { timeout: 5000 });
    }).toPass();
    await expect(row).toContainText('300 of about 300');
    await expect(page.getByTestId('replay').filter({ hasText: `→ ${name}` })).toHaveCount(2);
    await picture(page, 'done');
  } finally {
    await receiver.stop();
    await program.remove();
  }
});

test('the form sends a day of the archive to the store, and shows why a day is refused', async ({ engines, page }) => {
  const { name, program, receiver } = await start(engines);
  try {
    await new Api(program.url).push(...records(name, 20));
    await page.goto(`${program.url}/system#replays`);
    const alert = page.getByTestId('replay-error');
    await send(page, { day: day(3), to: name });
    await expect(alert).toContainText(`day is ${day(3)}, which has not begun in UTC`);
    await send(page, { day: day(-300), to: 'store' });
    await expect(alert).toContainText(`the archive does not have the day ${day(-300)}`);
    await picture(page, 'refused');
    await send(page, { day: DAY, to: name, query: '(level' });
    await expect(alert).toContainText('an example is level>=warn');

    const row = page.getByTestId('replay').first();
    await expect(async () => {
      await send(page, { day: DAY, to: 'store', query: `service:${name}` });
      await expect(row).toContainText(`${DAY} · archive → the store`, { timeout: 5000 });
    }).toPass();
    await expect(alert).toHaveCount(0);
    await expect(async () => {
      await page.reload();
      await expect(row).toHaveAttribute('data-state', 'done', { timeout: 5000 });
    }).toPass();
    await expect(row).toContainText('20 were there');
    await picture(page, 'restored');
  } finally {
    await receiver.stop();
    await program.remove();
  }
});
