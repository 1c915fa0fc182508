// The two reading calls of the log stream server whose dashboard must work unchanged.
import { EventStream, unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

const fields = {
  sequence_number: expect.stringMatching(/^\d+$/),
  timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/),
};

test('/logs streams unnamed events: the recent ones oldest first, then what comes', async ({ program, service }) => {
  await service.log('info', 'before 1');
  await service.log('warn', 'before 2');
  const stream = await EventStream.open(`${program.url}/logs`, { origin: 'http://localhost:8080' });
  expect(stream.headers.get('access-control-allow-origin')).toBe('http://localhost:8080');
  const own = async (count: number) => {
    const found = [];
    while (found.length < count) {
      const event = await stream.next();
      expect(event.name).toBe('');
      if (event.data.node === service.node) found.push(event.data);
    }
    return found;
  };
  expect(await own(2)).toEqual([
    { ...fields, node: service.node, level: 'info', message: 'before 1' },
    { ...fields, node: service.node, level: 'warn', message: 'before 2' },
  ]);
  await service.log('error', 'after');
  expect(await own(1)).toEqual([{ ...fields, node: service.node, level: 'error', message: 'after' }]);
  stream.close();
});

test('/historical-logs filters as it always did, newest first', async ({ api }) => {
  const word = unique('Historical');
  const base = Date.now() - 3_600_000;
  const at = (n: number) => new Date(base + n * 60_000).toISOString();
  const levels = ['info', 'warn', 'error', 'http'];
  const records = Array.from({ length: 12 }, (_, n) => ({
    time: at(n), node: 'shelf', level: levels[n % 4], message: `${word} number ${n}.`,
  }));
  await api.push(...records);
  type Log = { sequence_number: string; message: string };
  const ask = async (parameters: Record<string, string>): Promise<Log[]> =>
    (await api.get('/historical-logs', { message: word, ...parameters })).json();
  const numbers = (logs: Log[]) => logs.map((log) => Number(/number (\d+)/.exec(log.message)![1]));

  // Ten by default; message and level match substrings in any case.
  await expect.poll(async () => numbers(await ask({}))).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
  expect((await ask({ limit: '1' }))[0]).toEqual({ ...fields, node: 'shelf', level: 'http', message: `${word} number 11.` });
  expect(numbers(await ask({ message: word.toUpperCase(), limit: '20' }))).toHaveLength(12);
  expect(numbers(await ask({ level: 'ERR' }))).toEqual([10, 6, 2]);
  // An empty parameter filters nothing.
  expect(numbers(await ask({ level: '', startTime: '', endTime: '', sequence_number: '', limit: '2' }))).toEqual([11, 10]);
  // Times, also in the format of HTML inputs.
  expect(numbers(await ask({ startTime: at(2.5), endTime: at(5.5) }))).toEqual([5, 4, 3]);
  const local = (n: number) => at(n).slice(0, 19);
  expect(numbers(await ask({ startTime: local(9) }))[0]).toBe(11);
  // A sequence number means older than it.
  const page = await ask({ limit: '5' });
  const older = await ask({ limit: '5', sequence_number: page[4]!.sequence_number });
  expect(numbers(older)).toEqual([6, 5, 4, 3, 2]);
});
