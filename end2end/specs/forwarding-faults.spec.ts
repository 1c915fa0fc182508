// Receivers of other people's protocols that are slow, full, killed, or refuse records; and rsyslog.
import { existsSync, readFileSync } from 'node:fs';
import { Api, unique } from '../fixtures/api.ts';
import { freePort, until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { type Fault, protocols, Receiver } from '../fixtures/receiver.ts';
import { Rsyslog } from '../fixtures/rsyslog.ts';
import { inStore, sink } from '../fixtures/sinks.ts';
import { expect, test } from '../fixtures/test.ts';

const BATCHES = 20;
const BATCH = 400;
const FAULTS: Fault[] = ['is slow', 'is full', 'accepts', 'dies', 'is too busy', 'accepts', 'hangs up', 'answers rubbish'];

const messages = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `order ${from + n}`);
/** Few enough to be found by halving. */
const isRefused = (message: string) => /^order \d*[27]999$/.test(message) || message === 'order 0';

async function push(api: Api, service: string, from: number, to: number): Promise<void> {
  for (let batch = from; batch < to; batch += 1) {
    const some = messages(batch * BATCH, (batch + 1) * BATCH);
    await api.push(...some.map((message) => ({ service, message })));
  }
}

const urls: [keyof typeof protocols, (port: number) => string][] = [
  ['lines', (port) => `http://127.0.0.1:${port}/in`],
  ['elasticsearch', (port) => `elasticsearch+http://127.0.0.1:${port}/logs`],
];

for (const [protocol, url] of urls) {
  test(`a receiver of ${protocol} that is slow, full, killed and refuses records loses nothing`, async ({ engines }) => {
    const name = unique(protocol);
    const receiver = new Receiver(await freePort(), protocols[protocol], ({ message }) => isRefused(message));
    receiver.faults.push(...FAULTS);
    await receiver.start();
    const program = await Program.start(engines, '--sink', `${name}=${url(receiver.port)}?query=service:${name}`);
    try {
      const api = new Api(program.url);
      await push(api, name, 0, 1);
      // More records come during each fault.
      for (let batch = 1; batch < BATCHES / 2; batch += 1) {
        const left = receiver.faults.length;
        await push(api, name, batch, batch + 1);
        await until('a fault is met', async () => receiver.faults.length < left || left === 0);
      }
      expect([...receiver.met].sort()).toEqual([...new Set(FAULTS)].sort());
      await receiver.stop();
      await push(api, name, BATCHES / 2, BATCHES);
      await until('it is failing', async () => (await sink(program, name)).state === 'failing');
      await program.kill();
      await receiver.start();
      await program.start();

      const all = messages(0, BATCHES * BATCH);
      await until('all are decided', async () => {
        const { records, refused } = await sink(program, name);
        return records + refused === all.length;
      });
      const own = await inStore(api, name);
      expect(own.map(({ message }) => message).sort()).toEqual([...all].sort());
      const wanted = own.filter(({ message }) => !isRefused(message)).map(({ message }) => message);
      // A record may come twice when its answer was lost, and never before another that is older.
      const first = [...new Set(receiver.stored.map(({ message }) => message))];
      expect(first).toEqual(wanted);
      if (protocol === 'elasticsearch') {
        const ids = new Map(receiver.stored.map(({ message, id }) => [message, id]));
        expect(receiver.stored.filter(({ message, id }) => ids.get(message) !== id)).toEqual([]);
        expect(wanted.map((message) => ids.get(message))).toEqual(
          own.filter(({ message }) => !isRefused(message)).map(({ id }) => id),
        );
      }
      expect((await sink(program, name)).refused).toBe(all.length - wanted.length);
      const answer = await api.get('/api/v1/dead-letters', { door: `sink ${name}` });
      const letters = (await answer.json()) as { records: number; reason: string }[];
      expect(letters.reduce((sum, { records }) => sum + records, 0)).toBeGreaterThanOrEqual(all.length - wanted.length);
      for (const { reason } of letters) expect(reason).toContain('not wanted');
    } finally {
      await program.remove();
      await receiver.stop();
    }
  });
}

test('rsyslog writes what it receives as lines by TCP', async ({ engines }) => {
  const name = unique('rsyslog');
  const program = await Program.unstarted(engines);
  const file = program.file('received.log');
  const rsyslog = await Rsyslog.start(
    `template(name="raw" type="string" string="%rawmsg%\\n")\n*.* action(type="omfile" file="${file}" template="raw")\n`,
  );
  program.add('--sink', `${name}=tcp://127.0.0.1:${rsyslog.port}?query=service:${name}`);
  await program.start();
  try {
    const api = new Api(program.url);
    await push(api, name, 0, 5);
    const lines = () =>
      existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter((line) => line.includes(name)) : [];
    await until('all lines are in its file', async () => lines().length >= 5 * BATCH);
    const own = await inStore(api, name);
    expect(lines().map((line) => JSON.parse(line).message)).toEqual(own.map(({ message }) => message));
  } finally {
    await program.remove();
    await rsyslog.stop();
  }
});
