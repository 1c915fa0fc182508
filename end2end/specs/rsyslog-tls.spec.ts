// The real rsyslog, which forwards over TLS as docs/tls.md shows: with and without a certificate of its own.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { unique } from '../fixtures/api.ts';
import { Certificates, type Fault, Secured } from '../fixtures/certificates.ts';
import { until } from '../fixtures/process.ts';
import { Rsyslog } from '../fixtures/rsyslog.ts';
import { expect, test } from '../fixtures/test.ts';

const document = readFileSync(resolve(import.meta.dirname, '../../docs/tls.md'), 'utf8');
const snippet = /```conf\n([^]*?)```/.exec(document)![1]!;

let folder: string;
const file = (name: string) => join(folder, name);
let secured: Secured;
test.beforeAll(async ({ engines }) => {
  folder = mkdtempSync(join(tmpdir(), 'logboom-rsyslog-tls-'));
  for (const [authority, client] of [['clients', 'web-1'], ['others', 'stranger']] as const) {
    new Certificates(file, authority).sign(client, `/CN=${client}`, `DNS:${client}`);
  }
  trust('clients');
  secured = await Secured.start(engines, '--tls-client-ca', file('trusted.pem'));
});
test.afterAll(async () => {
  await secured?.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Makes the server take certificates of this authority, and of no other one. */
function trust(authority: string): void {
  writeFileSync(file('trusted.pem'), readFileSync(file(`${authority}.pem`)));
}

/** rsyslog with the documented configuration, and with a client certificate if it has a name. */
function forward(certificate?: string): Promise<Rsyslog> {
  let configuration = snippet
    .replace('target="logs.internal" port="6514"', `target="127.0.0.1" port="${secured.doors.syslog}"`)
    .replace('StreamDriverPermittedPeers="logs.internal"', 'StreamDriverPermittedPeers="localhost"')
    .replace('/etc/rsyslog.d/ca.pem', secured.certificates.ca)
    // By default it retries every 30 s.
    .replace('action.resumeRetryCount', 'action.resumeInterval="1" action.resumeRetryCount');
  configuration = certificate
    ? configuration.replaceAll('/etc/rsyslog.d/web-1', file(certificate))
    : configuration.replace(/\n +DefaultNetstreamDriver(Cert|Key)File="[^"]*"/g, '');
  for (const left of ['logs.internal', '/etc/rsyslog.d/web', ...(certificate ? [] : ['CertFile', 'KeyFile'])]) {
    expect(configuration).not.toContain(left);
  }
  rmSync(file('own.log'), { force: true });
  // What it says of itself.
  return Rsyslog.start(`global(processInternalMessages="on")
    if $programname == "rsyslogd" then action(type="omfile" file="${file('own.log')}")
    ${configuration}`);
}

const own = () => (existsSync(file('own.log')) ? readFileSync(file('own.log'), 'utf8') : '');

const log = (rsyslog: Rsyslog, service: string, message: string) =>
  execFileSync('logger', ['--server', '127.0.0.1', '--port', String(rsyslog.port), '--tcp', '--rfc5424', '--tag', service, '-p', 'user.err', message]);

/** The number of handshakes that the server or its client has refused. */
async function refused(): Promise<number> {
  const { body } = await secured.ask('/metrics');
  const counts = [...body.matchAll(/^logboom_tls_handshakes_total\{.*outcome="failed".*\} (\d+)$/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** The messages of a service that are stored. */
async function messages(service: string): Promise<string[]> {
  const query = new URLSearchParams({ query: `service:"${service}"`, from: '1970-01-01T00:00:00Z' });
  return JSON.parse((await secured.ask(`/api/v1/logs?${query}`)).body).records.map(({ message }: { message: string }) => message);
}

for (const certificate of [undefined, 'web-1']) {
  test(`rsyslog forwards over TLS ${certificate ? 'with' : 'without'} a client certificate`, async () => {
    const rsyslog = await forward(certificate);
    try {
      const service = unique('rsyslog-tls');
      log(rsyslog, service, 'order 17: 카드');
      expect(await secured.stored(service)).toMatchObject({
        message: 'order 17: 카드',
        level: 'err',
        severity: 17,
        attributes: { facility: 'user' },
      });
    } finally {
      await rsyslog.stop();
    }
  });
}

test('rsyslog with the certificate of another authority is refused', async () => {
  const [before, service] = [await refused(), unique('rsyslog-tls')];
  const rsyslog = await forward('stranger');
  try {
    // With TLS 1.3 the refusal comes after its own handshake, so it notices when it sends more.
    await until('the server refuses it again and again', async () => {
      log(rsyslog, service, 'from a stranger');
      return (await refused()) > before + 1;
    }, 120, 250);
    expect(await messages(service)).toEqual([]);
  } finally {
    await rsyslog.stop();
  }
});

test('the certificate of rsyslog counts as long as its authority is trusted', async () => {
  const service = unique('rsyslog-tls');
  const rsyslog = await forward('web-1');
  try {
    log(rsyslog, service, 'trusted');
    await secured.stored(service);
    const before = await refused();
    trust('others');
    // Its open connection ends. TCP loses what is on the way, so it sends until it notices.
    await until('the server refuses it', async () => {
      log(rsyslog, service, 'no longer trusted');
      return (await refused()) > before;
    }, 120, 250);
    trust('clients');
    await until('it is trusted again', async () => {
      log(rsyslog, service, 'trusted again');
      return (await messages(service)).includes('trusted again');
    }, 120, 500);
  } finally {
    trust('clients');
    await rsyslog.stop();
  }
});

for (const fault of ['wrong-name', 'self-signed'] as Fault[]) {
  test(`rsyslog keeps its messages for itself while the server's certificate is ${fault}`, async () => {
    secured.certificates.make(fault);
    secured.use(fault);
    await secured.uses(fault);
    const service = unique('rsyslog-tls');
    const rsyslog = await forward();
    try {
      log(rsyslog, service, 'a secret');
      // It does not say why it gives up each connection.
      await expect.poll(() => own().split('TLS Connection initiated').length, 'rsyslog tries again').toBeGreaterThan(3);
      secured.use('good');
      await secured.uses('good');
      // It has kept the message.
      await until('the message comes', async () => (await messages(service)).length > 0);
      expect(await messages(service)).toEqual(['a secret']);
    } finally {
      secured.use('good');
      await rsyslog.stop();
    }
  });
}
