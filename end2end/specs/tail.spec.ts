// The live tail over HTTP: resumes without gaps and duplicates.
import { type Event, EventStream, unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

const messages = (events: { data: any }[]) => events.map((event) => event.data.message);

test('a tail resumes after the last event that was seen', async ({ api, program }) => {
  const service = unique('tail');
  const url = `${program.url}/api/v1/tail?${new URLSearchParams({ query: `service:${service}` })}`;
  const push = (...names: string[]) => api.push(...names.map((message) => ({ service, message })));

  const first = await EventStream.open(url);
  await push('1', '2', '3');
  const seen = await first.take(2);
  expect(messages(seen)).toEqual(['1', '2']);
  expect(seen.map((event) => event.name)).toEqual(['log', 'log']);
  expect(seen.map((event) => event.data.position)).toEqual(seen.map((event) => event.id));
  first.close();

  await push('4', '5');
  const second = await EventStream.open(url, { 'last-event-id': seen[1]!.id });
  await push('6');
  const rest = await second.take(4);
  expect(messages(rest)).toEqual(['3', '4', '5', '6']);
  second.close();

  // The same by the URL, as in the server-rendered page.
  const third = await EventStream.open(`${url}&after=${rest[2]!.id}`);
  expect(messages(await third.take(1))).toEqual(['6']);
  third.close();

  const positions = [...seen, ...rest].map((event) => BigInt(event.id));
  expect(positions).toEqual([...positions].sort((a, b) => (a < b ? -1 : 1)));
});

test('a tail resumes across a crash of the server', async ({ api, program }) => {
  const service = unique('crash');
  const url = `${program.url}/api/v1/tail?${new URLSearchParams({ query: `service:${service}` })}`;
  const first = await EventStream.open(url);
  await api.push({ service, message: 'seen' }, { service, message: 'stored' });
  const [seen] = await first.take(1);
  await program.kill();
  await program.start();
  await api.push({ service, message: 'later' });
  const second = await EventStream.open(url, { 'last-event-id': seen!.id });
  expect(messages(await second.take(2))).toEqual(['stored', 'later']);
  second.close();
});

test('a tail hands out together what came together, to who asks for it', async ({ api, program }) => {
  const service = unique('batch');
  const parameters = new URLSearchParams({ query: `service:${service}`, batch: '3' });
  const url = `${program.url}/api/v1/tail?${parameters}`;
  const push = (...names: string[]) => api.push(...names.map((message) => ({ service, message })));
  const messagesOf = (lines: { message: string }[]) => lines.map(({ message }) => message);

  const first = await EventStream.open(url);
  await push('1', '2', '3', '4', '5');
  // An incomplete event is sent after a short delay, which a busy machine may take between any two records.
  const read = async (stream: EventStream, count: number) => {
    const events: Event[] = [];
    while (events.flatMap(({ lines }) => lines).length < count) events.push(await stream.next());
    for (const { id, lines } of events) {
      expect(lines.length).toBeLessThanOrEqual(3);
      expect(id, 'it goes on after the last of them').toBe(lines.at(-1).position);
    }
    return events;
  };
  const events = await read(first, 5);
  expect(messagesOf(events.flatMap(({ lines }) => lines))).toEqual(['1', '2', '3', '4', '5']);
  expect(events.length, 'some came together').toBeLessThan(5);
  first.close();

  const [{ id, lines }] = events as [Event];
  const second = await EventStream.open(url, { 'last-event-id': id });
  const rest = await read(second, 5 - lines.length);
  expect(messagesOf(rest.flatMap(({ lines }) => lines))).toEqual(['1', '2', '3', '4', '5'].slice(lines.length));
  second.close();
});
