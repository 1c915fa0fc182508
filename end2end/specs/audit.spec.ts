// The audit: each action leaves a record, admins alone read them, and nobody can send one.
import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bearer, Caller, cookieOf, form, guarded, logIn, PASSWORD, secretFile } from '../fixtures/access.ts';
import { EventStream, type RecordView, stored, unique } from '../fixtures/api.ts';
import type { Doors } from '../fixtures/doors.ts';
import { GrpcClient, status } from '../fixtures/grpc.ts';
import { until } from '../fixtures/process.ts';
import { expect, test } from '../fixtures/test.ts';

const AUDIT = 'service:logboom audit:true';
const editorName = unique('editor');

let doors: Doors;
let admin: Caller;
let editor: Caller;
/** A key that reads everything, and one that writes. */
let reader: Caller;
let writer: Caller;
let writeSecret: string;

test.beforeAll(async ({ engines }) => {
  const copy = join(mkdtempSync(join(tmpdir(), 'logboom-end2end-audit-')), 'copy.ndjson');
  ({ doors, admin } = await guarded(engines, '--sink', `copy=file://${copy}?query=service:logboom`));
  await admin.createUser({ name: editorName, password: PASSWORD, role: 'editor' });
  editor = await logIn(doors.url, editorName, PASSWORD);
  const read = await admin.createKey({ name: 'reader', scopes: ['read'] });
  const write = await admin.createKey({ name: 'writer', scopes: ['write'] });
  writeSecret = write.secret;
  reader = new Caller(doors.url, bearer(read.secret));
  writer = new Caller(doors.url, bearer(writeSecret));
});
test.afterAll(async () => doors.remove());

/** Waits for audit records of an action whose target or actor has this text, oldest first. */
async function noted(action: string, text: string, count = 1): Promise<RecordView[]> {
  let found: RecordView[] = [];
  await until(`${action} of ${text} is noted`, async () => {
    const all = await admin.logs(`${AUDIT} audit.action:${action}`);
    found = all.filter(({ attributes }) => `${attributes['audit.target']} ${attributes['audit.actor']}`.includes(text));
    return found.length >= count;
  });
  return found.reverse();
}

test('log-ins, failed ones and log-outs are noted', async () => {
  const name = unique('kim');
  await admin.createUser({ name, password: PASSWORD, role: 'viewer' });
  await form(doors.url, '/login', { name, password: 'a wrong password', next: '/' });
  const cookie = cookieOf(await form(doors.url, '/login', { name, password: PASSWORD, next: '/' }))!;
  await form(doors.url, '/logout', {}, { cookie });
  const [failed, done] = await noted('log-in', name, 2);
  expect(failed!.attributes).toMatchObject({ 'audit.outcome': 'refused', 'audit.target': name, 'audit.source': '127.0.0.1' });
  expect(failed!.level).toBe('warn');
  expect(JSON.stringify(failed)).not.toContain('a wrong password');
  expect(done!.attributes).toMatchObject({ audit: true, 'audit.outcome': 'done', 'audit.actor': `user ${name}`, 'audit.kind': 'user' });
  const [out] = await noted('log-out', name);
  expect(out!.message).toBe(`user ${name} logged out`);
});

test('changes of access are noted, by calls, forms and the admin socket', async ({ pair }) => {
  const name = unique('lee');
  await admin.createUser({ name, password: PASSWORD, role: 'viewer' });
  await admin.ask('PATCH', `/api/v1/users/${name}`, { role: 'editor' });
  await admin.ask('PATCH', `/api/v1/users/${name}`, { password: `${PASSWORD} two` });
  await form(doors.url, '/system/access/people', { action: 'change', name, role: 'viewer', filter: '', hidden: '' }, admin.headers);
  const session = await logIn(doors.url, name, `${PASSWORD} two`);
  const sessions = await admin.ask('GET', '/api/v1/sessions');
  const { id } = sessions.find(({ user }: { user: string }) => user === name);
  await admin.ask('DELETE', `/api/v1/sessions/${id}`);
  expect((await session.call('GET', '/api/v1/me')).status).toBe(401);
  const key = await admin.createKey({ name: unique('shop'), scopes: ['write'] });
  await admin.revokeKey(key.id);
  // Without an embedded engine there is no data folder, and no socket in it.
  const bySocket = pair === 'embedded';
  if (bySocket) await promisify(execFile)(join(doors.program.bin, 'logboom'), ['user', 'remove', name, '--data', doors.program.file('data')]);
  else await admin.ask('DELETE', `/api/v1/users/${name}`);
  for (const [action, target, count] of [
    ['user.added', name, 1],
    ['user.changed', name, 2],
    ['user.password', name, 1],
    ['session.revoked', name, 1],
    ['key.created', `lb_${key.id}`, 1],
    ['key.revoked', `lb_${key.id}`, 1],
    ['user.removed', name, 1],
  ] as const) {
    const [record] = await noted(action, target, count);
    expect(record!.attributes, action).toMatchObject({ 'audit.outcome': 'done' });
  }
  const [removed] = await noted('user.removed', name);
  expect(removed!.attributes['audit.kind']).toBe(bySocket ? 'command line' : 'user');
  const everything = JSON.stringify(await admin.logs(AUDIT));
  for (const secret of [key.secret, PASSWORD]) expect(everything).not.toContain(secret);
});

test('a user who was added while no server ran is on the page after the start, once', async ({ engines, pair }) => {
  const { doors: own, admin: boss } = await guarded(engines);
  try {
    const name = unique('offline');
    const place = pair === 'embedded' ? ['--data', own.program.file('data')] : ['--store', engines.store!];
    const options = ['user', 'add', name, '--role', 'viewer', '--password-file', secretFile(PASSWORD), ...place];
    await own.program.stop();
    await own.program.run('env', '-u', 'LOGBOOM_SERVER', '-u', 'LOGBOOM_KEY', 'logboom', ...options);
    const shown = async () => (await (await boss.get('/system/audit', { action: 'user.added' })).text()).split(name).length > 1;
    const records = async () => (await boss.logs(`${AUDIT} audit.action:user.added`)).filter(({ attributes }) => `${attributes['audit.target']}`.includes(name));
    await own.program.start();
    await until('the page shows it', shown, 30);
    await own.program.stop();
    await own.program.start();
    const [record, ...more] = await records();
    expect(more, 'the next start adds none').toEqual([]);
    expect(record!.attributes).toMatchObject({ audit: true, 'audit.kind': 'command line', 'audit.outcome': 'done', 'audit.count': 1 });
    expect(record!.attributes['audit.actor']).toMatch(pair === 'embedded' ? /^data folder \(.+\)$/ : /^database \(.+\)$/);
    expect(JSON.stringify(record)).not.toContain(PASSWORD);
  } finally {
    await own.remove();
  }
});

test('views, exports, imports and replays are noted', async () => {
  const name = unique('view');
  await editor.ask('PUT', `/api/v1/views/${name}`, { address: '/?q=level:error' });
  await editor.ask('DELETE', `/api/v1/views/${name}`);
  const query = `service:${unique('exported')}`;
  await (await reader.get('/api/v1/export', { query, format: 'csv' })).text();
  await editor.ask('GET', '/api/v1/documents');
  await editor.ask('POST', '/api/v1/documents', { format: 1, documents: [] });
  const [saved] = await noted('view.saved', name);
  expect(saved!.attributes['audit.actor']).toBe(`user ${editorName}`);
  await noted('view.removed', name);
  const [exported] = await noted('export', query);
  expect(exported!.attributes).toMatchObject({ 'audit.kind': 'key' });
  expect(exported!.message).toContain('as csv');
  await noted('export', 'documents');
  await noted('import', editorName);
});

test('refused calls of one caller become one record at once, and are counted', async () => {
  const path = `/api/v1/keys`;
  for (let call = 0; call < 50; call += 1) expect((await editor.call('GET', path)).status).toBe(403);
  const refusals = await noted('refused', editorName);
  expect(refusals).toHaveLength(1);
  expect(refusals[0]!.attributes).toMatchObject({ 'audit.target': `GET ${path}`, 'audit.outcome': 'refused', 'audit.count': 1 });
  expect(refusals[0]!.message).toContain('may read and edit');
});

test('nobody but an admin finds an audit record, whatever is asked', async () => {
  const [record] = await noted('user.added', editorName);
  const id = record!.id;
  const own = unique('own');
  await writer.push({ service: 'logboom', message: own });
  await until('it is stored', async () => (await reader.logs(`"${own}"`)).length > 0);
  const reads = [
    '/api/v1/logs?query=audit:true', '/api/v1/logs?query=service:logboom', '/api/v1/logs?query=*+OR+audit:*', '/api/v1/logs?limit=1000',
    '/api/v1/facets?fields=audit.action,audit.actor', '/api/v1/fields?query=service:logboom', '/api/v1/patterns?query=service:logboom',
    '/api/v1/histogram?query=audit:true', '/api/v1/export?query=service:logboom&format=ndjson', '/api/v1/export?format=csv',
    `/historical-logs?service=logboom`,
  ];
  for (const caller of [editor, reader]) {
    for (const path of reads) {
      const answer = await fetch(`${doors.url}${path}`, { headers: caller.headers });
      expect(answer.status, path).toBe(200);
      const text = await answer.text();
      expect(text, path).not.toMatch(/user\.added|audit\.outcome|logged in/);
    }
    expect((await caller.get(`/api/v1/logs/${id}`)).status).toBe(404);
    expect((await caller.get(`/api/v1/logs/${id}/context`)).status).toBe(404);
    expect((await (await caller.get('/api/v1/count', { query: 'audit:true' })).json()).count).toBe(0);
    expect(JSON.stringify(await caller.logs('service:logboom')), 'other records of the service').toContain(own);
    const near = (await caller.logs(`"${own}"`))[0]!;
    const context = await (await caller.get(`/api/v1/logs/${near.id}/context`, { before: '500', after: '500' })).text();
    expect(context).not.toContain('audit.outcome');
  }
  // The same questions do find them for an admin.
  for (const path of ['/api/v1/logs?query=audit:true', '/api/v1/facets?fields=audit.action,audit.actor', '/api/v1/export?query=service:logboom&format=ndjson']) {
    expect(await (await admin.call('GET', path)).text(), path).toMatch(/user\.added|audit\.outcome|logged in/);
  }
  expect((await editor.call('GET', '/system/audit')).status).toBe(403);
  expect((await admin.call('GET', `/api/v1/logs/${id}`)).status).toBe(200);

  const tails = await Promise.all([reader, admin].map((caller) => EventStream.open(`${doors.url}/api/v1/tail?query=service:logboom`, caller.headers)));
  await admin.ask('PUT', `/api/v1/views/${unique('tailed')}`, { address: '/' });
  await noted('view.saved', 'tailed');
  const last = unique('last');
  await writer.push({ service: 'logboom', message: last });
  const [ofReader, ofAdmin] = tails as [EventStream, EventStream];
  expect((await ofReader.next()).data.message).toBe(last);
  let shown: any;
  do shown = (await ofAdmin.next()).data;
  while (shown.attributes['audit.action'] !== 'view.saved');
  tails.forEach((tail) => tail.close());
});

test('a replay of an editor sends no audit record', async () => {
  await noted('user.added', editorName);
  const times = { from: new Date(Date.now() - 3_600_000).toISOString(), to_time: new Date(Date.now() + 60_000).toISOString() };
  const sent = async (caller: Caller): Promise<number> => {
    const { id } = await caller.ask('POST', '/api/v1/replays', { to: 'copy', source: 'store', query: 'audit:true', ...times });
    let replay: any;
    await until('the replay is done', async () => {
      replay = await caller.ask('GET', `/api/v1/replays/${id}`);
      return replay.state === 'done';
    });
    return replay.sent;
  };
  expect(await sent(admin)).toBeGreaterThan(0);
  expect(await sent(editor)).toBe(0);
});

test('a claim to be the audit is renamed, by JSON, OTLP, gRPC and the terms of a key', async () => {
  const name = unique('claim');
  const claim = { 'audit.action': 'log-in', audit: true };
  await writer.push({ service: 'logboom', message: `${name} json`, audit: { action: 'log-in' } }, { node: 'logboom', message: `${name} node`, ...claim });
  const attributes = [
    { key: 'audit', value: { boolValue: true } },
    { key: 'audit.action', value: { stringValue: 'log-in' } },
  ];
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'logboom' } }] };
  const logRecords = [{ body: { stringValue: `${name} otlp` }, attributes }];
  const otlp = await writer.call('POST', '/v1/logs', { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });
  expect(otlp.status).toBe(200);
  const grpc = new GrpcClient(doors.program.grpcAddress, writeSecret);
  const sent = await grpc.push({
    service: 'logboom',
    records: [{ message: `${name} grpc`, attributes: [{ key: 'audit', boolean: true }, { key: 'audit.action', text: 'log-in' }] }],
  });
  grpc.close();
  expect(sent.code).toBe(status.OK);
  // A key's own fields and service are the claim of the one who made it.
  const fixed = await admin.createKey({ name: 'claims', scopes: ['write'], service: 'logboom', fields: { 'audit': 'true', 'audit.action': 'log-in' } });
  await new Caller(doors.url, bearer(fixed.secret)).push({ message: `${name} key` });
  await until('all are stored', async () => (await admin.logs(`"${name}"`)).length >= 5);
  const records = await admin.logs(`"${name}"`);
  for (const { message, service, attributes } of records) {
    expect(service, message).toBe('logboom');
    expect(attributes['claimed.audit.action'], message).toBe('log-in');
    expect(Object.keys(attributes).filter((key) => key.startsWith('audit')), message).toEqual([]);
  }
  expect(await admin.logs(`${AUDIT} "${name}"`)).toEqual([]);
  // In records of other services the names are free.
  const shop = unique('free');
  await writer.push({ service: shop, message: 'm', ...claim });
  expect((await stored(reader, shop))[0]!.attributes).toMatchObject(claim);
});

for (const javaScriptEnabled of [true, false]) {
  test(`the page shows who did what, filters and pages, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async ({ browser }) => {
    const name = unique('paged');
    await admin.createUser({ name, password: PASSWORD, role: 'viewer' });
    await noted('user.added', name);
    const context = await browser.newContext({ javaScriptEnabled, timezoneId: 'Asia/Seoul', viewport: { width: 360, height: 800 } });
    const [cookieName, value] = admin.headers.cookie!.split('=') as [string, string];
    await context.addCookies([{ name: cookieName, value, url: doors.url }]);
    const page = await context.newPage();
    await page.goto(`${doors.url}/system/access`);
    await page.getByTestId('to-audit').first().click();
    await expect(page).toHaveURL(`${doors.url}/system/audit`);
    const rows = page.getByTestId('audit-record');
    await expect(rows.first()).toBeVisible();
    await page.locator('select[name=action]').selectOption('user.added');
    await page.getByTestId('audit-filter').getByRole('button').click();
    await expect(page).toHaveURL(/action=user\.added/);
    const row = rows.filter({ hasText: name });
    await expect(row).toHaveCount(1);
    await expect(row).toContainText('user admin');
    const time = row.locator('time');
    const at = new Date((await time.getAttribute('datetime'))!);
    const hour = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: javaScriptEnabled ? 'Asia/Seoul' : 'UTC' }).format(at);
    await expect(time).toContainText(hour);
    for (const other of await rows.all()) expect(await other.getAttribute('data-action')).toBe('user.added');
    await page.locator('input[name=actor]').fill('nobody-of-this-name');
    await page.getByTestId('audit-filter').getByRole('button').click();
    await expect(page.getByTestId('no-audit')).toBeVisible();
    expect(await page.evaluate('document.documentElement.scrollWidth'), 'nothing is wider than a phone').toBeLessThanOrEqual(360);
    await page.goto(`${doors.url}/system/audit?action=user.added&language=ko&theme=dark`);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('감사 기록');
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
    await expect(page.getByTestId('to-explore')).toHaveAttribute('href', /audit:true/);
    await context.close();
  });
}

test('the page has as many records as fit, and leads to older ones', async () => {
  const name = unique('many');
  for (let call = 0; call < 101; call += 1) await admin.ask('PUT', `/api/v1/views/${name}`, { address: `/?q=${call}` });
  await noted('view.saved', name, 101);
  const first = await (await admin.get('/system/audit', { action: 'view.saved' })).text();
  expect(first.match(/data-testid="audit-record"/g)).toHaveLength(100);
  const older = /href="([^"]*before=[^"]*)"/.exec(first)![1]!.replaceAll('&amp;', '&');
  const second = await (await admin.call('GET', older)).text();
  expect(second.match(/data-testid="audit-record"/g)!.length).toBeGreaterThanOrEqual(1);
  expect(second).toContain('data-testid="newest"');
});
