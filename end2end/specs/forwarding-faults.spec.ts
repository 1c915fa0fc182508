// Receivers of other people's protocols that are slow, full, killed, or refuse records; and rsyslog.
import { existsSync, readFileSync } from 'node:fs';
import { Api, unique } from '../fixtures/api.ts';
import { Lines } from '../fixtures/lines.ts';
import { freePort, until } from '../fixtures/process.ts';
import { Program } from '../fixtures/program.ts';
import { type Arrival, protocols } from '../fixtures/protocols.ts';
import { type Fault, Receiver } from '../fixtures/receiver.ts';
import { Rsyslog } from '../fixtures/rsyslog.ts';
import { inStore, sink } from '../fixtures/sinks.ts';
import { expect, test } from '../fixtures/test.ts';

const BATCHES = 24;
const BATCH = 400;
/** At most one for each batch of the first half. */
const FAULTS: Fault[] = [
  'is slow', 'is full', 'accepts', 'dies', 'is too busy', 'accepts', 'has no space', 'takes less', 'accepts', 'hangs up',
  'answers rubbish',
];

const messages = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `order ${from + n}`);
const traceOf = (message: string) => message.replace('order ', '9').padStart(32, '0');
/** Few enough to be found by halving. */
const isRefused = (message: string) => /^order \d*[27]999$/.test(message) || message === 'order 0';

async function push(api: Api, service: string, from: number, to: number): Promise<void> {
  for (let batch = from; batch < to; batch += 1) {
    const some = messages(batch * BATCH, (batch + 1) * BATCH);
    await api.push(...some.map((message) => ({ service, message, trace_id: traceOf(message) })));
  }
}

const urls: [keyof typeof protocols, (port: number) => string][] = [
  ['lines', (port) => `http://127.0.0.1:${port}/in`],
  ['elasticsearch', (port) => `elasticsearch+http://127.0.0.1:${port}/logs`],
  ['loki', (port) => `loki+http://127.0.0.1:${port}`],
  ['otlp', (port) => `otlp+http://127.0.0.1:${port}`],
];

for (const [protocol, url] of urls) {
  test(`a receiver of ${protocol} that is slow, full, killed and refuses records loses nothing`, async ({ engines }) => {
    test.slow();
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
      }, 240);
      const own = await inStore(api, name);
      expect(own.map(({ message }) => message).sort()).toEqual([...all].sort());
      const wanted = own.filter(({ message }) => !isRefused(message));
      // A record may come twice when its answer was lost, and never before another that is older.
      const first = [...new Map(receiver.stored.map((arrival) => [arrival.message, arrival])).values()];
      expect(first.map(({ message }) => message)).toEqual(wanted.map(({ message }) => message));
      // Each time under the same ids.
      const ids = new Map(own.map(({ message, id }) => [message, protocol === 'elasticsearch' ? id : undefined]));
      const isOther = ({ message, id, trace }: Arrival) => trace !== traceOf(message) || id !== ids.get(message);
      expect(receiver.stored.filter(isOther)).toEqual([]);
      expect([...receiver.ambiguous], 'a batch id has the same records each time').toEqual([]);

      const { refused } = await sink(program, name);
      const unwanted = all.length - wanted.length;
      if (protocol === 'otlp') {
        // A collector does not name the records that it refuses: all of their request are dead letters.
        expect(refused).toBeGreaterThanOrEqual(unwanted);
        expect(refused).toBeLessThanOrEqual(unwanted * 500);
      } else {
        expect(refused).toBe(unwanted);
      }
      const answer = await api.get('/api/v1/dead-letters', { door: `sink ${name}` });
      const letters = (await answer.json()) as { records: number; reason: string }[];
      expect(letters.reduce((sum, { records }) => sum + records, 0)).toBeGreaterThanOrEqual(refused);
      for (const { reason } of letters) expect(reason).toContain('not wanted');
    } finally {
      await program.remove();
      await receiver.stop();
    }
  });
}

test('a receiver of lines by TCP that is slow, hangs up and is restarted gets every line, in order', async ({ engines }) => {
  const name = unique('tcp');
  const receiver = new Lines(await freePort());
  await receiver.start();
  const program = await Program.start(engines, '--sink', `${name}=tcp://127.0.0.1:${receiver.port}?query=service:${name}`);
  const received = () => [...new Set(receiver.lines)].length;
  try {
    const api = new Api(program.url);
    await push(api, name, 0, 1);
    await until('the first arrived', async () => received() === BATCH);
    // More than the kernel keeps for a receiver that does not read.
    receiver.pause();
    await push(api, name, 1, 10);
    const text = 'x'.repeat(4000);
    for (let n = 0; n < 20; n += 1) {
      await api.push(...messages(0, BATCH).map((message) => ({ service: name, message: `large ${n} ${message} ${text}` })));
    }
    await until('the sink is behind', async () => ((await sink(program, name)).behind_records ?? 0) > 0);
    receiver.resume();
    await until('the lines arrive', async () => received() > BATCH);
    // It goes on to read what is on its way.
    receiver.hangUp();
    await until('all lines arrived', async () => received() === 30 * BATCH);
    await until('all are acknowledged', async () => (await sink(program, name)).behind_records === 0);
    await receiver.stop();
    await push(api, name, 10, 12);
    await until('it is failing', async () => (await sink(program, name)).state === 'failing');
    await receiver.start();
    await until('the others arrived', async () => received() === 32 * BATCH);
    const own = await inStore(api, name);
    const lines = [...new Set(receiver.lines)].map((line) => JSON.parse(line));
    expect(lines.map(({ message, trace_id }) => ({ message, trace_id }))).toEqual(
      own.map(({ message, trace_id }) => ({ message, trace_id })),
    );
  } finally {
    await program.remove();
    await receiver.stop();
  }
});

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
    // It writes in blocks, so the last line may be a part of one.
    const lines = () =>
      existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1).filter((line) => line.includes(name)) : [];
    await until('all lines are in its file', async () => lines().length >= 5 * BATCH);
    const own = await inStore(api, name);
    expect(lines().map((line) => JSON.parse(line).message)).toEqual(own.map(({ message }) => message));
  } finally {
    await program.remove();
    await rsyslog.stop();
  }
});
