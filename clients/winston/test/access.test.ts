// Keys, with the real server.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LogboomTransport } from '../src';
import { Admin } from './support/admin';
import { Server } from './support/server';
import { until } from './support/until';

const PASSWORD = 'a long password of a test';

let folder: string;
let server: Server;
let admin: Admin;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'logboom-winston-'));
  const file = join(folder, 'password');
  writeFileSync(file, PASSWORD, { mode: 0o600 });
  server = await Server.start('--admin-password-file', file);
  admin = await Admin.logIn(server.url, 'admin', PASSWORD);
});
after(async () => {
  await server?.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Logs one record with a key, and waits until it is acknowledged. */
async function deliver(service: string, key: string): Promise<void> {
  const transport = new LogboomTransport({ address: server.address, service, key });
  transport.log({ level: 'info', message: 'm' }, () => {});
  await transport.flush();
  assert.equal(transport.counters.acknowledged, 1);
  await transport.close();
}

test('a key that may write delivers, by the option and by the environment', async () => {
  const { secret } = await admin.createKey({ name: 'writes', scopes: ['write'] });
  await deliver('by-option', secret);
  process.env.LOGBOOM_KEY = secret;
  try {
    const transport = new LogboomTransport({ address: `http://${server.address}`, service: 'by-environment' });
    transport.log({ level: 'info', message: 'm' }, () => {});
    await transport.flush();
    await transport.close();
  } finally {
    delete process.env.LOGBOOM_KEY;
  }
  await admin.stored('by-option', 1);
  await admin.stored('by-environment', 1);
});

test('without a key, with a wrong one and with one that may only read, records wait and the reason is reported once', async () => {
  const { id, secret } = await admin.createKey({ name: 'reads', scopes: ['read'] });
  const cases: [string, string | undefined, RegExp][] = [
    ['no-key', undefined, /key/i],
    ['wrong-key', `lb_00000000_${'0'.repeat(32)}`, /lb_00000000/],
    ['read-key', secret, new RegExp(id)],
  ];
  for (const [service, key, reason] of cases) {
    const transport = new LogboomTransport({ address: server.address, service, fallback: 'drop', flushTimeoutMs: 0, ...(key && { key }) });
    const denials: string[] = [];
    let attempts = 0;
    transport.on('warn', ({ message }) => denials.push(message));
    transport.on('disconnected', () => (attempts += 1));
    transport.log({ level: 'info', message: 'm' }, () => {});
    await until('it has tried three times', () => attempts >= 3);
    assert.equal(denials.length, 1, service);
    assert.match(denials[0] ?? '', reason);
    assert.ok(!key || !denials[0]?.includes(key), 'the reason has no secret');
    assert.equal(transport.counters.buffered, 1);
    await transport.close();
  }
});

test('records outlive the revocation of their key', async () => {
  const first = await admin.createKey({ name: 'first', scopes: ['write'] });
  const transport = new LogboomTransport({ address: server.address, service: 'revoked', key: first.secret, fallback: { file: join(folder, 'revoked') }, flushTimeoutMs: 0 });
  transport.log({ level: 'info', message: 'before' }, () => {});
  await transport.flush();
  await admin.revoke(first.id);
  let denied: string | undefined;
  transport.on('warn', ({ message }) => (denied = message));
  transport.log({ level: 'info', message: 'after' }, () => {});
  await until('the key is refused', () => denied !== undefined);
  assert.equal(transport.counters.buffered, 1);
  await transport.close();
  assert.deepEqual(await admin.stored('revoked', 1), ['before']);
});
