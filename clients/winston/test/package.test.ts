import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { numbersOf } from './support/counting';
import { Server } from './support/server';

const run = promisify(execFile);
const PACKAGE = resolve(__dirname, '../..');

let server: Server;
let folder: string;

// As for a user: packed, and installed in a separate folder.
before(async () => {
  server = await Server.start();
  folder = mkdtempSync(join(tmpdir(), 'logboom-winston-'));
  // Already built; rebuilding would remove the sources of the other tests.
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: PACKAGE });
  const [tarball = ''] = readdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', join(folder, tarball), 'winston@3'], { cwd: folder });
});
after(async () => {
  await server?.remove();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const body = (service: string): string => `
const logger = winston.createLogger({
  transports: [new LogboomTransport({ address: ${JSON.stringify(server.address)}, service: '${service}' })],
});
logger.info('hello', { n: 7 });
`;

test('the installed package works by import and by require', async () => {
  const scripts = {
    'imports.mjs': `import winston from 'winston';\nimport { LogboomTransport } from 'logboom-winston';${body('imports')}`,
    'requires.cjs': `const winston = require('winston');\nconst { LogboomTransport } = require('logboom-winston');${body('requires')}`,
  };
  for (const [name, text] of Object.entries(scripts)) {
    writeFileSync(join(folder, name), text);
    const { stderr } = await run(process.execPath, [name], { cwd: folder });
    assert.equal(stderr, '');
  }
  for (const service of ['imports', 'requires']) {
    assert.deepEqual(numbersOf(await server.records(`service:${service}`)), [7]);
  }
});

test('its types hold in a strict project, and refuse what is wrong', async () => {
  const text = `
import winston from 'winston';
import { AccessDenied, LogboomTransport, type LogboomTransportOptions, type Refusal } from 'logboom-winston';
const options: LogboomTransportOptions = { service: 's', level: 'info', fallback: { file: 'x' }, key: 'k', tls: { ca: 'pem' } };
const transport = new LogboomTransport(options);
winston.createLogger({ transports: [transport] });
transport.on('refused', (refusal: Refusal) => refusal.records[0]?.attributes);
transport.once('overflow', ({ overflowed }) => overflowed.toFixed());
transport.on('warn', (denied: AccessDenied) => denied.message);
transport.on('finish', () => {}).on('error', (error) => error.message).on('other', (any: string, thing: number) => [any, thing]);
const done: Promise<void> = transport.flush();
// @ts-expect-error: there is no such option
new LogboomTransport({ service: 's', batchSize: 5 });
// @ts-expect-error: a service is needed
new LogboomTransport({});
// @ts-expect-error: a refusal has no such member
transport.on('refused', ({ cause }) => cause);
void done;
`;
  writeFileSync(join(folder, 'strict.mts'), text);
  const modules = join(PACKAGE, 'node_modules');
  const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'node16', '--types', 'node'];
  const arguments_ = [join(modules, 'typescript/bin/tsc'), ...options, '--typeRoots', join(modules, '@types'), 'strict.mts'];
  const { stdout } = await run(process.execPath, arguments_, { cwd: folder }).catch((error: { stdout: string }) => error);
  assert.equal(stdout, '');
});
