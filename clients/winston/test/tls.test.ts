import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { createServer, type Server as TlsServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { LogboomTransport, type LogboomTransportOptions } from '../src';
import { Server } from './support/server';

let server: Server;
let proxy: TlsServer;
let ca: Buffer;
let address: string;

before(async () => {
  server = await Server.start();
  const [key, cert] = [server.file('key.pem'), server.file('cert.pem')];
  const subject = ['-subj', '/CN=logs.example', '-addext', 'subjectAltName=DNS:logs.example'];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', [...request, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
  ca = readFileSync(cert);
  proxy = createServer({ key: readFileSync(key), cert: ca, ALPNProtocols: ['h2'] }, (client) => {
    const [host, port] = server.address.split(':');
    const plain = connect(Number(port), host);
    client.on('error', () => plain.destroy()).on('close', () => plain.destroy());
    plain.on('error', () => client.destroy());
    client.pipe(plain).pipe(client);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  address = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
});
after(async () => {
  proxy?.close();
  await server?.remove();
});

async function acknowledged(options: Partial<LogboomTransportOptions>): Promise<number> {
  const transport = new LogboomTransport({ address, service: 'tls', fallback: 'drop', flushTimeoutMs: 1000, ...options });
  transport.log({ level: 'info', message: 'm' }, () => {});
  await transport.close();
  return transport.counters.acknowledged;
}

test('an encrypted connection is made to the server that the certificate names, and to no other', async () => {
  assert.equal(await acknowledged({ tls: { ca, serverName: 'logs.example' } }), 1);
  assert.equal(await acknowledged({ tls: { ca: ca.toString(), serverName: 'elsewhere.example' } }), 0);
  assert.equal(await acknowledged({ tls: true }), 0);
  assert.equal(await acknowledged({ tls: false }), 0);
});

test('an address of https is encrypted, with the authorities of Node.js or the given one', async () => {
  const https = { address: `https://${address}` };
  const tls = { serverName: 'logs.example' };
  for (const pem of [ca.toString(), server.file('cert.pem')]) assert.equal(await acknowledged({ ...https, ca: pem, tls }), 1);
  // The certificate names logs.example, and not 127.0.0.1.
  assert.equal(await acknowledged({ ...https, ca: ca.toString() }), 0);
  assert.equal(await acknowledged({ ...https, tls }), 0);
  assert.equal(await acknowledged({ address: `http://${address}` }), 0);
});

test('a certificate that is none is refused by name', () => {
  const options = { address, service: 'tls', tls: { ca, cert: 'x', key: 'y' } };
  assert.throws(() => new LogboomTransport(options), /^TypeError: tls: .*; give ca, cert and key as PEM$/);
});
