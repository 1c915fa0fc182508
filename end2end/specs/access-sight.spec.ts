// A key with a filter and hidden fields: a forbidden word is in no answer, and the allowed records are there.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EventStream, type RecordView, stored, unique } from '../fixtures/api.ts';
import { bearer, Caller, guarded } from '../fixtures/access.ts';
import type { Doors } from '../fixtures/doors.ts';
import { expect, test } from '../fixtures/test.ts';

const sources = resolve(import.meta.dirname, '../../server/src/http');
/** In everything that the key must not see. No request contains it, so no answer may repeat it. */
const WORD = 'xyzzy';
const shop = unique('shop');
const foreign = unique(`${WORD}-billing`);
const ALLOWED = ['order 1 paid', 'order 2 paid', 'order 3 refunded'];

let doors: Doors;
let admin: Caller;
let writer: Caller;
let limited: Caller;
/** The record of another service, one of the shop that the filter leaves out, and one that is allowed. */
let other: RecordView;
let internal: RecordView;
let allowed: RecordView;

/** An allowed record: its hidden fields have the word, in values and in names. */
const order = (message: string, amount: number) => ({
  service: shop,
  node: 'counter',
  level: 'info',
  message,
  amount,
  user: { name: { last: `${WORD} kim` }, [WORD]: true },
  card: [{ number: `${WORD}-4` }],
});
const secret = (message: string) => ({ service: shop, node: 'counter', level: 'error', message, internal: true, [WORD]: WORD });

test.beforeAll(async ({ engines }) => {
  ({ doors, admin } = await guarded(engines));
  const key = async (more: object) => {
    const { secret } = await admin.createKey({ name: 'sight', scopes: ['read'], ...more });
    return new Caller(doors.url, bearer(secret));
  };
  writer = await key({ scopes: ['write'] });
  limited = await key({ filter: `service:${shop} -internal:true`, hidden: ['user', 'card.number', 'internal'] });
  await writer.push(
    order(ALLOWED[0]!, 5),
    { service: foreign, node: `${WORD}-node`, level: WORD, message: `the ${WORD} secret`, [`${WORD}.key`]: WORD },
    secret(`${WORD} checked`),
    order(ALLOWED[1]!, 6),
    secret(`order 9 ${WORD}`),
    order(ALLOWED[2]!, 7),
  );
  other = (await stored(admin, foreign))[0]!;
  const records = await stored(admin, shop, 5);
  internal = records.find(({ message }) => message.startsWith(WORD))!;
  allowed = records.find(({ message }) => message === ALLOWED[1])!;
  await admin.ask('PUT', `/api/v1/views/${WORD}%20view`, { address: `/?q=service:${foreign}` });
});
test.afterAll(async () => doors.remove());

/** The text of an answer, which has not the word. */
async function clean(answer: Response, what: string): Promise<string> {
  const headers = JSON.stringify([...answer.headers]);
  const text = await answer.text();
  expect(`${headers} ${text}`.toLowerCase(), what).not.toContain(WORD);
  return text;
}

type Call = { status: number; has?: string[] };
const ok = (...has: string[]): Call => ({ status: 200, has });
const refused: Call = { status: 403, has: ['your access is limited'] };
const hidden = (field: string): Call => ({ status: 403, has: [`the field ${field} is hidden`] });

/** Each path of a GET call as it is declared, with requests and their answers. */
const calls = (): Record<string, Record<string, Call>> => ({
  '/api/v1/logs': {
    '': ok(...ALLOWED, '"amount":5'),
    '?query=*+OR+service:*': ok(...ALLOWED),
    '?query=-service:shop': ok(...ALLOWED),
    '?query=level:error': ok('"records":[]'),
    '?query=user:*': hidden('user'),
    '?query=user.name.last:/x/': hidden('user.name.last'),
    '?query=card:/x/': hidden('card'),
    '?query=-internal:*': hidden('internal'),
    '?query=attr.user:*': hidden('user'),
    // A cursor of somebody else.
    '?cursor=9000000000000000000.1': ok(...ALLOWED),
  },
  '/api/v1/logs/{id}': {
    [`/${allowed.id}`]: ok('order 2 paid'),
    [`/${other.id}`]: { status: 404, has: ['no record has the id'] },
    [`/${internal.id}`]: { status: 404, has: ['no record has the id'] },
  },
  '/api/v1/logs/{id}/context': {
    [`/${allowed.id}/context`]: ok(...ALLOWED),
    [`/${internal.id}/context`]: { status: 404 },
  },
  '/api/v1/count': { '': ok('"count":3'), '?query=user:*': hidden('user') },
  '/api/v1/histogram': { '': ok('"info"'), '?query=user:*': hidden('user') },
  '/api/v1/facets': {
    '': ok(`"value":"${shop}","count":3`),
    '?fields=service,level,node,amount': ok('"counter"'),
    '?fields=user': hidden('user'),
    '?fields=card': hidden('card'),
  },
  '/api/v1/fields': { '': ok('"amount"') },
  '/api/v1/patterns': { '': ok('order'), '?compare_from=-1d': ok('order') },
  '/api/v1/export': { '?format=ndjson': ok(...ALLOWED), '?format=csv': ok(...ALLOWED), '?query=user:*': hidden('user') },
  '/api/v1/figures': { '': ok('"limited":true', shop) },
  '/api/v1/views': { '': ok('[]') },
  '/view/{name}': { '/any': { status: 404 } },
  '/historical-logs': { '': ok(...ALLOWED), [`?sequence_number=${other.position}`]: ok(), '?level=err': ok('[]') },
  '/api/v1/me': { '': ok() },
  '/metrics': { '': refused },
  '/api/v1/canary': { '': refused },
  '/api/v1/dead-letters': { '': refused },
  '/api/v1/dead-letters/download': { '': refused },
  '/api/v1/dead-letters/{id}': { '/1': refused },
  '/api/v1/dead-letters/{id}/raw': { '/1/raw': refused },
  '/api/v1/documents': { '': refused },
  '/api/v1/ledger': { '': refused },
  '/api/v1/ledger/summary': { '': refused },
  '/api/v1/parts/aside': { '': refused },
  '/api/v1/replays': { '': refused },
  '/api/v1/replays/{id}': { '/1': refused },
  '/api/v1/sinks': { '': refused },
  '/api/v1/tasks': { '': refused },
  '/api/openapi.json': { '': ok('"openapi":"3.1.0"', '"x-logboom-access":"read"') },
});

/** Streams, which have tests of their own below. */
const STREAMS = ['/api/v1/tail', '/api/v1/figures/live', '/logs'];

/** The GET calls that need the right to read, from the sources. */
function declared(): string[] {
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.rs'));
  const paths = files.flatMap((name) => {
    const [source = ''] = readFileSync(join(sources, name), 'utf8').split('#[cfg(test)]');
    return [...source.matchAll(/\.get\(\s*"([^"]+)",\s*Need::Read/g)].map((found) => found[1]!);
  });
  return [...new Set(paths)].sort();
}

test('each reading call holds the filter and hides the fields', async () => {
  const known = [...Object.keys(calls()), ...STREAMS].sort();
  expect(known, 'every declared call is asked').toEqual(expect.arrayContaining(declared()));
  expect(declared().length).toBeGreaterThan(25);
  for (const [declaredPath, requests] of Object.entries(calls())) {
    const base = declaredPath.replace(/\/\{.*$/, '');
    for (const [rest, { status, has = [] }] of Object.entries(requests)) {
      const path = `${base}${rest}`;
      const answer = await fetch(`${doors.url}${path}`, { headers: limited.headers, redirect: 'manual' });
      const text = await clean(answer, path);
      expect(answer.status, `${path}: ${text}`).toBe(status);
      for (const part of has) expect(text, path).toContain(part);
    }
  }
});

test('the same calls show the word to an admin', async () => {
  for (const path of [
    `/api/v1/logs?query=service:${shop}`,
    '/api/v1/facets?fields=user.name.last',
    `/api/v1/fields?query=service:${shop}`,
    `/api/v1/export?query=service:${shop}`,
    '/api/v1/views',
    `/historical-logs?message=${WORD}`,
  ]) {
    const answer = await fetch(`${doors.url}${path}`, { headers: admin.headers });
    expect((await answer.text()).toLowerCase(), path).toContain(WORD);
  }
});

test('pages of an admin go on with what the key sees', async () => {
  const cursors: string[] = [];
  let cursor = '';
  do {
    // Without a cursor it is the first page.
    const page = await (await admin.get('/api/v1/logs', { query: `service:${shop},${foreign}`, limit: '1', cursor })).json();
    cursor = page.next_cursor ?? '';
    if (cursor) cursors.push(cursor);
  } while (cursor);
  expect(cursors.length).toBeGreaterThan(3);
  for (const cursor of cursors) await clean(await limited.get('/api/v1/logs', { cursor }), cursor);
});

test('live tails show allowed records alone, without their hidden fields', async () => {
  const tail = await EventStream.open(`${doors.url}/api/v1/tail?after=0`, limited.headers);
  const s1 = await EventStream.open(`${doors.url}/logs`, limited.headers);
  const figures = await EventStream.open(`${doors.url}/api/v1/figures/live`, limited.headers);
  const late = 'order 4 paid';
  await writer.push(secret(`${WORD} again`), { service: foreign, message: WORD }, order(late, 8));
  for (const stream of [tail, s1]) {
    const events = await stream.take(ALLOWED.length + 1);
    expect(JSON.stringify(events).toLowerCase()).not.toContain(WORD);
    expect(events.map((event) => event.data.message).sort()).toEqual([...ALLOWED, late].sort());
    stream.close();
  }
  expect(JSON.stringify(await figures.next()).toLowerCase()).not.toContain(WORD);
  figures.close();
  const answer = await limited.get('/api/v1/tail', { query: 'user:*' });
  expect(answer.status).toBe(403);
  expect(await clean(answer, 'a tail of a hidden field')).toContain('the field user is hidden');
});

test('a tail ends when its key is revoked', async () => {
  const { id, secret } = await admin.createKey({ name: 'short', scopes: ['read'], filter: `service:${shop}` });
  const tail = await EventStream.open(`${doors.url}/api/v1/tail`, bearer(secret));
  await admin.revokeKey(id);
  await expect(tail.next()).rejects.toThrow();
});

test('the pages of the dashboard hold the filter', async () => {
  const views = [allowed, internal, other].flatMap(({ id }) => [`/?at=${id}`, `/?context=${id}`]);
  const searches = ['/', '/?q=order', '/?q=user:*', '/?range=1h', '/?show=patterns', '/?columns=user,card', '/dashboard'];
  for (const path of [...searches, ...views, '/overview', '/connect', '/system', '/system/access']) {
    const answer = await fetch(`${doors.url}${path}`, { headers: { ...limited.headers, accept: 'text/html' } });
    await clean(answer, path);
  }
  const explore = await fetch(`${doors.url}/`, { headers: { ...limited.headers, accept: 'text/html' } });
  expect(await explore.text()).toContain(ALLOWED[0]);
});

test('each question of the dashboard holds the filter', async () => {
  const range = { query: '', from: null, to: null };
  const facets = (...fields: string[]) => ({ ...range, fields, limit: 10 });
  const questions: [object, string][] = [
    [{ Logs: { ...range, limit: null, cursor: null } }, ALLOWED[0]!],
    [{ Logs: { ...range, query: 'user:*', limit: 10, cursor: null } }, 'is hidden'],
    [{ Histogram: { ...range, from: '-1h', buckets: 10 } }, 'info'],
    [{ Facets: facets('service', 'node', 'user', 'card.number') }, shop],
    [{ Facets: facets('user') }, '{}'],
    [{ Context: { id: allowed.id, before: 10, after: 10 } }, ALLOWED[0]!],
    [{ Context: { id: other.id, before: 10, after: 10 } }, 'no record has the id'],
    [{ Fields: range }, 'amount'],
    [{ Patterns: { ...range, compare_from: null, compare_to: null } }, 'order'],
    [{ FirstSeen: 'order' }, 'T'],
    [{ FirstSeen: 'user:*' }, 'is hidden'],
    [{ Figures: null }, shop],
    [{ Losses: '' }, 'your access is limited'],
    [{ Views: null }, '[]'],
    [{ Connect: doors.url }, 'title'],
    [{ Help: null }, '<kbd>'],
  ];
  for (const [question, has] of questions) {
    const answer = await limited.call('POST', '/api/dashboard/ask', { question });
    expect(await clean(answer, JSON.stringify(question)), JSON.stringify(question)).toContain(has);
  }
});
