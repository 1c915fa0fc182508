// The search box accepts the query language and plain text.
import { unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

test.describe('the search box', () => {
  let service: string;

  test.beforeEach(async ({ api, explore }) => {
    service = unique('search');
    const base = Date.now() - 60_000;
    const at = (n: number) => new Date(base + n * 1000).toISOString();
    await api.store(
      { time: at(1), service, level: 'info', message: 'connection opened', status: 200, path: '/api/orders' },
      { time: at(2), service, level: 'warn', message: 'Connection Reset by peer', status: 502, path: '/api/users' },
      { time: at(3), service, level: 'error', message: 'timeout after 30 s', status: 504, path: '/checkout' },
    );
    await explore.open({ q: `service:${service}`, range: '1h' });
    await expect(explore.rows).toHaveCount(3);
  });

  const cases: [string, string[]][] = [
    ['timeout', ['timeout after 30 s']],
    ['"connection reset"', ['Connection Reset by peer']],
    ['connection', ['connection opened', 'Connection Reset by peer']],
    ['level:error', ['timeout after 30 s']],
    ['level>=warn', ['Connection Reset by peer', 'timeout after 30 s']],
    ['status>=500', ['Connection Reset by peer', 'timeout after 30 s']],
    ['path:/api/*', ['connection opened', 'Connection Reset by peer']],
    ['-connection', ['timeout after 30 s']],
    ['opened OR timeout', ['connection opened', 'timeout after 30 s']],
    ['message:/after [0-9]+ s/', ['timeout after 30 s']],
  ];
  for (const [query, expected] of cases) {
    test(`finds by ${query}`, async ({ explore, page }) => {
      await explore.search(`service:${service} (${query})`);
      await expect(explore.messages).toHaveText(expected);
      await expect.poll(() => new URL(page.url()).searchParams.get('q')).toContain(query);
    });
  }

  test('says so when nothing matches', async ({ explore, page }) => {
    await explore.search(`service:${service} nowhere-to-be-found`);
    await expect(page.getByTestId('empty-state')).toBeVisible();
    await expect(explore.rows).toHaveCount(0);
  });

  test('finds what is pasted from a log', async ({ api, explore }) => {
    const found: [string, string][] = [
      ['fd12:3456:789a::1', 'saw fd12:3456:789a::1 today'],
      ['main.go:60', 'at main.go:60 in run'],
      ['db-1.example.com:5432', 'to db-1.example.com:5432'],
      ['user=alice', 'user=alice left'],
      ['error: refused', 'error: refused'],
    ];
    await api.store(...found.map(([, message]) => ({ service: `${service}-pasted`, level: 'info', message })));
    for (const [query, message] of found) {
      await explore.search(`service:${service}-pasted ${query}`);
      await expect(explore.messages).toHaveText([message]);
    }
  });

  test('offers a text for a field that finds nothing, and its own form for another tool\'s', async ({ api, explore, page }) => {
    await api.store({ service: `${service}-hints`, level: 'info', message: 'waited for api:8080' });
    await explore.search(`service:${service}-hints api:8080`);
    const hint = page.getByTestId('query-hint');
    await expect(hint).toHaveText([`service:${service}-hints "api:8080"`]);
    await hint.click();
    await expect(explore.messages).toHaveText(['waited for api:8080']);

    const ask = async (path: string, query: string) => (await api.get(path, { query })).json();
    const count = await ask('/api/v1/count', `service:${service}-hints api:8080`);
    expect(count).toMatchObject({ count: 0, hints: [{ part: 'api:8080', query: `service:${service}-hints "api:8080"` }] });
    expect((await ask('/api/v1/logs', 'level != error')).hints[0].query).toBe('-level:error');
    const refused = await ask('/api/v1/logs', 'Foo.java:42)');
    expect(refused).toMatchObject({ status: 400, hints: [{ query: '"Foo.java:42)"' }] });
  });

  test('searches what does not parse as text, and says so', async ({ explore, page }) => {
    await explore.search(`service:${service} AND (`);
    await expect(page.getByTestId('parse-note')).toBeVisible();
  });
});

test('words of every script are found in any case, and marked', async ({ api, explore }) => {
  const service = unique('scripts');
  const pairs = [
    ['Ошибка подключения', 'ОШИБКА'],
    ['ΟΔΟΣ', 'οδος'],
    ['Straße', 'STRAẞE'],
    ['İstanbul', 'İSTANBUL'],
    ['ქართული', 'ᲥᲐᲠᲗᲣᲚᲘ'],
    ['ՀԱՅԵՐԵՆ', 'հայերեն'],
    ['300 \u212aelvin', 'kelvin'],
    ['주문 실패', '실패'],
  ];
  await api.store(...pairs.map(([message]) => ({ service, message })));
  for (const [message, word] of pairs) {
    expect((await api.logs(`service:${service} ${word}`)).map((found) => found.message), word).toEqual([message]);
  }
  await explore.open({ q: `service:${service} ОШИБКА`, range: '1h' });
  await expect(explore.messages).toHaveText(['Ошибка подключения']);
  await expect(explore.messages.locator('mark')).toHaveText(['Ошибка']);
});
