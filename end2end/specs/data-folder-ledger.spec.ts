// The loss ledger when files of the data folder disappear. The distributed program's tests delete a row instead.
import { readdirSync, rmSync } from 'node:fs';
import { Api, unique } from '../fixtures/api.ts';
import { balanced, command, records, summary, sums } from '../fixtures/ledger.ts';
import { Program } from '../fixtures/program.ts';
import { expect, test } from '../fixtures/test.ts';

test('a file that disappears from the data folder is told as a loss', async ({ page }) => {
  const service = unique('ledger-file');
  const program = await Program.start({});
  try {
    const api = new Api(program.url);
    await api.push(...records(service, 70));
    const all = { ...balanced, received: 70, stored: 70 };
    await expect.poll(() => sums(api, service)).toEqual(all);
    await program.stop();
    const folder = program.file('data');
    const parts = (readdirSync(folder, { recursive: true }) as string[]).filter((file) => file.endsWith('.parquet'));
    expect(parts).not.toEqual([]);
    for (const part of parts) rmSync(`${folder}/${part}`);
    await program.start();
    await expect.poll(() => sums(api, service)).toEqual({ ...all, stored: 0, missing: 70 });

    const failed = await command(program, '--missing');
    expect(failed).toContain('70 of 70 received records are missing');
    expect(failed).toContain(service);
    await expect.poll(async () => (await summary(api)).totals.missing, { timeout: 120_000 }).toBe(70);
    await page.goto(`${program.url}/system`);
    await expect(page.getByTestId('loss-ledger')).toHaveText(/^70 records lost in/);
    await expect(page.getByTestId('loss')).toHaveCount(1);
  } finally {
    await program.remove();
  }
});
