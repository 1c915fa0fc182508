// Accessibility and load times.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

type Violation = { id: string; impact: string | null; nodes: { html: string; failureSummary: string }[] };

for (const theme of ['light', 'dark'] as const) {
  test(`no page has a serious fault for assistive technology, ${theme}`, async ({ api, explore, page }) => {
    const service = unique('access');
    const trace = randomBytes(16).toString('hex');
    await api.store(
      ...['trace', 'debug', 'info', 'warn', 'error', 'fatal'].map((level) => ({
        service,
        level,
        region: 'north',
        message: `a message of level ${level}`,
        trace_id: trace,
      })),
    );
    await page.emulateMedia({ colorScheme: theme });
    // A window large enough for everything.
    await page.setViewportSize({ width: 1600, height: 900 });
    const pages: [string, () => Promise<void>][] = [
      ['/', async () => {}],
      [
        `/?q=service:${service}&range=1h&columns=region&trace=${trace}`,
        async () => {
          await explore.expand('level error');
          await expect(page.getByTestId('facet').first()).toBeVisible();
          await expect(page.getByTestId('beside-row')).toHaveCount(6);
        },
      ],
      [`/?q=service:${service}&range=1h&show=patterns`, () => expect(page.getByTestId('pattern').first()).toBeVisible()],
      ['/?q=nothing-like-this-anywhere&range=1h', () => expect(page.getByTestId('empty-state')).toBeVisible()],
      ['/overview', async () => {}],
      ['/system', async () => {}],
      ['/connect', async () => {}],
    ];
    for (const [path, ready] of pages) {
      await page.goto(path);
      await explore.ready();
      await ready();
      // Not as a script of the page, which its policy would block.
      await page.evaluate(readFileSync(axe, 'utf8'));
      const found = await page.evaluate(async () => {
        const { violations } = await (window as any).axe.run(document, { resultTypes: ['violations'] });
        return violations as Violation[];
      });
      const serious = found.filter(({ impact }) => impact === 'serious' || impact === 'critical');
      const told = serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join('\n  ')}`);
      expect(told, path).toEqual([]);
    }
  });
}

test('the page is there soon, and small', async ({ page, explore }, info) => {
  await explore.open();
  await page.reload();
  await explore.ready();
  const measure = () => page.evaluate(() => {
    const paint = performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0;
    const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
    const wasm = (performance.getEntriesByType('resource') as PerformanceResourceTiming[]).find(({ name }) =>
      name.includes('.wasm'),
    );
    return { paint, server: navigation!.responseEnd - navigation!.requestStart, wasm: wasm?.encodedBodySize ?? 0 };
  });
  // The entry of the first paint may come after the page is interactive.
  await expect.poll(async () => (await measure()).paint).toBeGreaterThan(0);
  await expect.poll(async () => (await measure()).wasm).toBeGreaterThan(0);
  const figures = await measure();
  // Reported, not asserted, because this is a debug build. The test asserts that they are measured.
  info.annotations.push({ type: 'figures', description: JSON.stringify(figures) });
});
