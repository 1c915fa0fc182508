// Records that attack whoever reads them: by HTML, terminal escapes, hidden characters, links and formulas.
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { unique } from '../fixtures/api.ts';
import { secretFile } from '../fixtures/access.ts';
import { python } from '../fixtures/clients.ts';
import { Doors } from '../fixtures/doors.ts';
import { GrpcClient } from '../fixtures/grpc.ts';
import { HIDDEN, hostileName, hostileText } from '../fixtures/hostile.ts';
import { until } from '../fixtures/process.ts';
import { Explore } from '../pages/explore.ts';
import { expect, test } from '../fixtures/test.ts';

const base = unique('hostile');
const service = hostileName(base);
const KEY = '<b>key</b>\u202e';
const VALUE = '<i>value</i>\u2066\u001b[31m';

let doors: Doors;
let receiver: Server;
test.beforeAll(async ({ engines }) => {
  // A destination that refuses everything, with a reason of the same kind.
  receiver = createServer((request, answer) => {
    request.resume().once('end', () => answer.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error: hostileText('refused') })));
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const port = (receiver.address() as AddressInfo).port;
  doors = await Doors.start(engines, '--sink', `bad=http://127.0.0.1:${port}/?query=run:${base}`);
  await fill();
});
test.afterAll(async () => {
  await doors?.remove();
  receiver?.close();
});

function sendTcp(port: number, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(text));
    socket.resume().once('error', reject).once('close', () => resolve());
  });
}

async function post(url: string, body: string, type = 'application/json'): Promise<void> {
  const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': type } });
  expect(answer.ok, `${url}: ${answer.status} ${await answer.text()}`).toBe(true);
}

/** Sends a hostile record by each kind of door, and saves a hostile view. */
async function fill(): Promise<void> {
  const message = (door: string) => hostileText(`${base} by ${door}`);
  const { api, ports, url, program } = doors;
  await api.push({ service, level: 'error', run: base, message: message('json'), [KEY]: VALUE });
  await post(`${url}/_bulk`, `{"index":{"_index":"logs"}}\n${JSON.stringify({ message: message('elasticsearch') })}\n`, 'application/x-ndjson');
  await post(`${url}/loki/api/v1/push`, JSON.stringify({ streams: [{ stream: { service: 'loki' }, values: [[`${Date.now()}000000`, message('loki')]] }] }));
  const body = { stringValue: message('otlp') };
  await post(`http://127.0.0.1:${ports.otlp}/v1/logs`, JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ timeUnixNano: `${Date.now()}000000`, body }] }] }] }));
  await sendTcp(ports.tcp, `${JSON.stringify({ message: message('tcp') })}\n`);
  await sendTcp(ports.gelf, `${JSON.stringify({ version: '1.1', host: hostileName('host'), short_message: message('gelf') })}\0`);
  await sendTcp(ports.syslog, `<11>1 ${new Date().toISOString()} host app - - - ${message('syslog')}\n`);
  const client = new GrpcClient(program.grpcAddress);
  expect((await client.sendLog({ node: hostileName('node'), level: 'error', message: message('grpc') })).code).toBe(0);
  client.close();
  const names = ['json', 'elasticsearch', 'loki', 'otlp', 'tcp', 'gelf', 'syslog', 'grpc'];
  await until('all are stored', async () => {
    const found = await api.logs(`"${base} by"`);
    return names.every((name) => found.some(({ message }) => message.includes(`by ${name} `)));
  });
  const view = `${url}/api/v1/views/${encodeURIComponent(hostileName('view'))}`;
  const saved = await fetch(view, { method: 'PUT', body: JSON.stringify({ address: `/?q="${base}"` }), headers: { 'content-type': 'application/json' } });
  expect(saved.status).toBe(204);
}

test('what is stored is what was sent', async () => {
  const [record] = await doors.api.logs(`run:${base}`);
  expect(record).toMatchObject({ service, message: hostileText(`${base} by json`), attributes: { [KEY]: VALUE } });
});

test('a view leads nowhere but into this dashboard', async () => {
  for (const address of ['javascript:alert(1)', 'data:text/html,x', '//evil.example', 'https://evil.example', '/\\evil.example', '']) {
    const url = `${doors.url}/api/v1/views/${unique('elsewhere')}`;
    const answer = await fetch(url, { method: 'PUT', body: JSON.stringify({ address }), headers: { 'content-type': 'application/json' } });
    expect(answer.status, address).toBe(400);
  }
});

/** Collects dialogs, and what the browser holds against a page. */
async function complaints(page: Page): Promise<string[]> {
  const found: string[] = [];
  page.on('dialog', (dialog) => {
    found.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    if (message.type() === 'error') found.push(message.text());
  });
  page.on('pageerror', (error) => found.push(error.message));
  await page.exposeFunction('heldAgainst', (text: string) => found.push(text));
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (violation) => {
      (window as unknown as { heldAgainst(text: string): void }).heldAgainst(`${violation.violatedDirective} ${violation.blockedURI}`);
    });
  });
  return found;
}

/** Checks all that a page shows, announces and links to. */
async function inspect(page: Page, place: string): Promise<string> {
  const seen = await page.evaluate(() => {
    // What somebody types is painted as it is, under the input.
    document.querySelector('.painted')?.remove();
    const elements = [...document.querySelectorAll('body, body *')];
    const announced = elements.flatMap((element) => ['title', 'aria-label', 'alt'].map((name) => element.getAttribute(name) ?? ''));
    const made = 'img, script:not([src]):not([nonce]):not([type]), iframe, object, embed, base, [onerror], [onclick], [onload]';
    return {
      texts: [document.title, document.body.innerText, ...announced],
      links: [...document.querySelectorAll('a[href]')].map((link) => new URL(link.getAttribute('href')!, document.baseURI).href),
      made: [...document.body.querySelectorAll(made)].map((element) => element.outerHTML),
      owned: 'owned' in window,
    };
  });
  expect(seen.texts.filter((text) => HIDDEN.test(text)), place).toEqual([]);
  expect(seen.links.filter((link) => new URL(link).origin !== doors.url), place).toEqual([]);
  expect(seen.made, place).toEqual([]);
  expect(seen.owned, place).toBe(false);
  return seen.texts.join('\n');
}

test('a page shows hostile records as text, runs nothing and hides nothing', async ({ browser }) => {
  const context = await browser.newContext();
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: doors.url });
  const page = await context.newPage();
  const explore = new Explore(page);
  const found = await complaints(page);
  try {
    const address = `${doors.url}/?${new URLSearchParams({ q: `"${base} by"` })}`;
    const html = await (await fetch(address)).text();
    for (const part of ['<img src=x', '<script>window.owned', '<b>key']) expect(html).not.toContain(part);
    await page.goto(address);
    await explore.ready();
    await expect(explore.rows).toHaveCount(8);
    const text = await inspect(page, 'the list');
    expect(text).toContain('\\u{202e}gnp.exe\\u{202c}');
    expect(text).toContain('␛]0;owned␇');
    expect(text).toContain('<img src=x onerror="window.owned=1">');
    await expect(page.locator('[data-testid=log-message] :not(mark)')).toHaveCount(0);

    await explore.row('by json').getByTestId('log-message').click();
    await expect(page.getByTestId('row-detail')).toBeVisible();
    const detail = await inspect(page, 'the detail');
    expect(detail).toContain('<b>key</b>\\u{202e}');
    // Copied is what was sent.
    const field = page.locator('.field').filter({ hasText: '<i>value</i>' });
    await field.getByTestId('copy-field').click();
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(VALUE);
    // A filter by a hostile value finds it.
    await field.getByTestId('filter-in').click();
    await expect(explore.rows).toHaveCount(1);
    await inspect(page, 'a filter');
    await expect(page).toHaveTitle(/\\u\{2066\}/);

    await page.goto(address);
    await explore.ready();
    await page.getByTestId('views').locator('summary').click();
    await expect(page.getByTestId('saved-view').first()).toBeVisible();
    await inspect(page, 'the views');
    await page.keyboard.press('Escape');
    await page.getByTestId('tab-patterns').click();
    await expect(page.getByTestId('pattern').first()).toBeVisible();
    await inspect(page, 'the patterns');
    await page.goto(`${address}&range=1h`);
    await explore.ready();
    await explore.row('by grpc').getByTestId('log-message').click();
    await page.getByTestId('show-context').click();
    await expect(page.getByTestId('beside-row').first()).toBeVisible();
    await inspect(page, 'the context');
    // Its records name the saved view.
    await until('the view is noted', async () => (await doors.api.logs('service:logboom audit.action:view.saved')).length > 0);
    for (const path of ['/overview', '/system', '/connect', '/system/access', '/system/audit']) {
      await page.goto(`${doors.url}${path}`);
      const isPlain = path === '/system/audit';
      if (!isPlain) await explore.ready();
      const shown = await inspect(page, path);
      if (isPlain) expect(shown).toContain('<b>\\u{202e}');
    }
    expect(found).toEqual([]);
  } finally {
    await context.close();
  }
});

test('a live tail shows hostile records as text', async ({ browser }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const explore = new Explore(page);
  const found = await complaints(page);
  try {
    const live = unique('live');
    await page.goto(`${doors.url}/?q=${live}`);
    await explore.ready();
    await explore.expectState('live');
    await doors.api.push({ service, message: hostileText(live) });
    await expect(explore.rows).toHaveCount(1);
    await inspect(page, 'the live tail');
    expect(found).toEqual([]);
  } finally {
    await context.close();
  }
});

test('no cell of an export is a formula', async () => {
  const formulas = ['=1+1', '+1+1', '-1+1', '@SUM(1)', '\t=1', '\r=1', '=cmd|" /C calc"!A0'];
  const name = unique('formula');
  await doors.api.store(...formulas.map((message) => ({ service: name, message })));
  const csv = await (await doors.api.get('/api/v1/export', { query: `service:${name}`, format: 'csv' })).text();
  expect(/(?:^|\n|,)"?(?:[=@\t\r]|[+-](?![\d.]))/.exec(csv)).toBeNull();
  for (const formula of formulas.filter((formula) => /^[=+@-]/.test(formula))) expect(csv).toContain(`'${formula.replaceAll('"', '""')}`);
});

/** Runs a command at a terminal of its own, and returns what appears there. */
const TERMINAL = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';

async function atTerminal(words: string[], isEnough?: (shown: string) => boolean): Promise<string> {
  const { program } = doors;
  const child = program.launch('env', 'NO_COLOR=1', 'TERM=dumb', python, '-c', TERMINAL, 'logboom', ...words);
  const parts: Buffer[] = [];
  const shown = () => Buffer.concat(parts).toString();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (part) => {
      parts.push(part);
      if (isEnough?.(shown())) child.kill('SIGKILL');
    });
  }
  child.stdin.on('error', () => {});
  child.stdin.end();
  await new Promise((resolve) => child.once('close', resolve));
  // The terminal itself ends lines by two characters, and `check` returns to the begin of its line.
  return shown().replaceAll('\r\n', '\n').replace(/\r\d+ parts, \d+ records/g, '');
}

/** All commands that have no commands of their own, by the help. */
async function commands(path: string[] = []): Promise<string[]> {
  const help = await doors.program.run('logboom', ...path, '-h');
  const section = /^Commands:\n([\s\S]*?)(?:\n\n|$(?![\s\S]))/m.exec(help)?.[1];
  const names = [...(section ?? '').matchAll(/^  ([a-z][a-z-]*)(?:\s|$)/gm)].map(([, name]) => name!).filter((name) => name !== 'help');
  if (names.length === 0) return [path.join(' ')];
  return (await Promise.all(names.map((name) => commands([...path, name])))).flat();
}

test('no command prints what a terminal obeys or hides', async () => {
  const { program, api } = doors;
  const data = ['--data', program.file('data')];
  type Letter = { id: string };
  let letters: Letter[] = [];
  await until('the destination refuses a record', async () => {
    letters = (await (await api.get('/api/v1/dead-letters')).json()) as Letter[];
    return letters.length > 0;
  });
  const letter = letters[0]!.id;
  const started = { to: 'bad', source: 'store', from: new Date(Date.now() - 3_600_000).toISOString(), to_time: new Date().toISOString(), query: '"\u202e<b>"' };
  await post(`${doors.url}/api/v1/replays`, JSON.stringify(started));
  const replay = ((await (await api.get('/api/v1/replays')).json()) as Letter[])[0]!.id;
  const lines = program.file('hostile.log');
  writeFileSync(lines, `${hostileText('a line')}\n`);
  const documents = program.file('hostile.ndjson');
  writeFileSync(documents, `${JSON.stringify({ kind: 'view', name: hostileName('imported'), body: { address: 'javascript:alert(1)' } })}\n`);
  const key = (await program.run('logboom', 'key', 'add', hostileName('key'), '--write', ...data)).slice(3, 11);

  // Each command with the options that make it print most. Those without any print nothing of others.
  const table: Record<string, string[][]> = {
    serve: [],
    agent: [],
    'agent check': [['--to', doors.url, '--data', program.file('agent')]],
    send: [[lines, '--service', service]],
    search: [[base], [base, '-o', 'json'], [base, '-o', 'csv'], ['service:"\u202e']],
    tail: [[base], [base, '-o', 'json'], [base, '-o', 'csv']],
    export: [[base], [base, '--format', 'csv']],
    parts: [[...data], [...data, '--json']],
    'parts aside': [[]],
    'parts give-up': [['nothing-here']],
    check: [[...data, '--quick']],
    'dead-letters': [[], ['--json']],
    'dead-letters list': [[], ['--json']],
    'dead-letters show': [[letter], [letter, '--raw']],
    'dead-letters download': [[]],
    replay: [['--to', 'bad', '--from', '-1h', '--query', 'nothing', '--no-wait']],
    'replay list': [[], ['--json']],
    'replay cancel': [[replay]],
    ledger: [[], ['--json']],
    'key add': [[hostileName('another'), '--write', ...data]],
    'key list': [data, [...data, '--json']],
    'key revoke': [[key, ...data]],
    'user add': [['reader', '--role', 'viewer', '--password-file', secretFile('a long password of a reader'), ...data]],
    'user change': [['reader', '--role', 'viewer', '--filter', 'service:"\u202e"', '--hide', 'a\u200b', ...data]],
    'user list': [data, [...data, '--json']],
    'user password': [['reader', '--password-file', secretFile('another password of a reader'), ...data]],
    'user remove': [['reader', ...data]],
    'session list': [data],
    'session revoke': [['nothing', ...data]],
    'anonymous list': [data],
    'anonymous set': [],
    'anonymous clear': [],
    'redaction list': [[]],
    'redaction preview': [['by=/by/', '--query', base], ['by=/by/', '--query', base, '--json']],
    'archive check': [[`file://${program.file('no-archive')}`]],
    'archive list': [[`file://${program.file('no-archive')}`]],
    'documents export': [[]],
    'documents import': [[documents]],
    delete: [['--query', base, '--from', '-1h', '--dry-run']],
    'delete list': [[], ['--json']],
    'delete cancel': [['nothing']],
    'dead-letters replay': [[letter]],
    'dead-letters delete': [['--all']],
  };
  const known = await commands();
  expect(known.length).toBeGreaterThan(25);
  expect(known.filter((command) => !(command in table)), 'add new commands to the table').toEqual([]);

  const printed = new Map<string, string>();
  const add = (command: string, text: string) => printed.set(command, (printed.get(command) ?? '') + text);
  for (const [command, runs] of Object.entries(table).filter(([command]) => known.some((leaf) => `${leaf} `.startsWith(`${command} `)))) {
    for (const options of runs) {
      if (command === 'tail') {
        // Each push is another record, until one appears.
        const pushing = setInterval(() => void api.push({ service, run: base, message: hostileText(base) }).catch(() => {}), 300);
        const text = await atTerminal([command, ...options], (shown) => shown.includes('gnp.exe') && shown.includes('end =1+1'));
        clearInterval(pushing);
        add(command, text);
      } else add(command, await atTerminal([...command.split(' '), ...options]));
      const text = printed.get(command)!;
      expect(HIDDEN.exec(text), `${command} ${options.join(' ')}: ${JSON.stringify(text.slice(-2000))}`).toBeNull();
    }
  }
  // They have printed the hostile parts.
  const showing = ['search', 'tail', 'export', 'dead-letters show', 'dead-letters download', 'redaction preview', 'documents export', 'key list', 'replay list'];
  for (const command of showing) expect(printed.get(command), command).toMatch(/202e/);
});

test('a program gets every byte of what it asks for', async () => {
  const { program } = doors;
  for (const [command, format] of [['export', 'csv'], ['search', 'csv']] as const) {
    const options = command === 'export' ? ['--format', format] : ['-o', format];
    const file = await program.run('logboom', command, `"${base} by json"`, ...options);
    expect(file).toContain('\u001b]0;owned\u0007');
    expect(file).toContain('\u202egnp.exe');
  }
  const [record] = (await program.run('logboom', 'search', `"${base} by json"`, '-o', 'json')).trim().split('\n').map((line) => JSON.parse(line));
  expect(record).toMatchObject({ service, message: hostileText(`${base} by json`) });
});
