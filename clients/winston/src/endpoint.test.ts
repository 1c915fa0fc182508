import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { endpointOf } from './endpoint';
import type { LogboomOptions } from './options';

const of = (options: object) => endpointOf(options as LogboomOptions);
const PEM = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';

test('an address is a host and a port, or a URL whose scheme says whether it is encrypted', () => {
  const cases: [string, string, object | undefined][] = [
    ['localhost:1', 'localhost:1', undefined],
    ['logs.example.com:65535', 'logs.example.com:65535', undefined],
    ['[::1]:4317', '[::1]:4317', undefined],
    ['http://10.0.0.1:3000', '10.0.0.1:3000', undefined],
    ['http://logs.example.com/', 'logs.example.com:80', undefined],
    ['https://logs.example.com:4317', 'logs.example.com:4317', {}],
    ['https://[2001:db8::1]:4317/', '[2001:db8::1]:4317', {}],
    ['https://logs.example.com', 'logs.example.com:443', {}],
  ];
  for (const [address, expected, tls] of cases) assert.deepEqual(of({ address }), { address: expected, tls });
});

test('what is no address is refused', () => {
  const wrong = ['localhost', 'localhost:4317/', '127.0.0.1:65536', ':4317', 'ftp://a:1', 'https://', 'https://a:0', 'https://key@a:1', 'https://a/path', 4317];
  for (const address of wrong) assert.throws(() => of({ address }), /^TypeError: address: .*; give host:port, such as 127\.0\.0\.1:4317, or https/);
});

test('the error about an address has no secret of it', () => {
  for (const [address, shown] of [['https://kim:lb_secret@a:1', 'https://…@a:1'], ['lb_secret@x@a:1', '…@a:1'], ['HTTP://lb_secret@a', 'HTTP://…@a']]) {
    assert.throws(() => of({ address }), (error: TypeError) => error.message.startsWith(`address: '${shown}'; give`));
  }
});

test('certificates are PEM, or files with it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'logboom-winston-'));
  try {
    const file = join(folder, 'ca.pem');
    writeFileSync(file, PEM);
    const address = 'https://a:1';
    assert.deepEqual(of({ address, ca: file }).tls, { ca: PEM });
    assert.deepEqual(of({ address, ca: PEM, cert: file, clientKey: PEM }).tls, { ca: PEM, cert: PEM, key: PEM });
    assert.deepEqual(of({ address, ca: PEM, tls: { serverName: 'b' } }).tls, { ca: PEM, serverName: 'b' });
    assert.deepEqual(of({ address: 'a:1', tls: true, ca: PEM }).tls, { ca: PEM });
    assert.deepEqual(of({ address: 'a:1', tls: { ca: PEM } }).tls, { ca: PEM });
    writeFileSync(file, 'no certificate');
    assert.throws(() => of({ address, ca: file }), /^TypeError: ca: the file has no PEM; give PEM text, or the path of a PEM file$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('certificates that do not fit are refused, and no private key is shown', () => {
  const https = { address: 'https://a:1' };
  const cases: [object, RegExp][] = [
    [{ address: 'a:1', ca: PEM }, /^ca: the address is not encrypted; begin it with https:\/\/$/],
    [{ address: 'http://a:1', tls: true }, /^tls: the address is not encrypted; begin it with https:\/\/$/],
    [{ ...https, tls: false }, /^tls: false, but the address begins with https:\/\/; leave one of them out$/],
    [{ ...https, cert: PEM }, /^cert, clientKey: only one of them is there; give both or none$/],
    [{ ...https, ca: PEM, tls: { ca: PEM } }, /^ca, tls\.ca: both are there; give one of them$/],
    [{ ...https, ca: 5 }, /^ca: not a text; give PEM text, or the path of a PEM file$/],
    [{ ...https, cert: PEM, clientKey: 'secret' }, /^clientKey: the file cannot be read \(ENOENT\); give PEM text, or the path of a PEM file$/],
    [{ ...https, tls: 'yes' }, /^tls: 'yes'; /],
    [{ ...https, tls: { key: 5 } }, /^tls\.key: number; give PEM as a text or a Buffer$/],
    [{ ...https, tls: { cert: 'x' } }, /^tls\.cert, tls\.key: only one/],
    [{ ...https, tls: { serverName: '' } }, /^tls\.serverName: ''; /],
  ];
  for (const [options, message] of cases) assert.throws(() => of(options), { name: 'TypeError', message });
});
