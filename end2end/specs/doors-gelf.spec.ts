// Graylog clients, over UDP, in chunks, and over TCP.
import { stored, unique } from '../fixtures/api.ts';
import { apart, client } from '../fixtures/clients.ts';
import { Doors } from '../fixtures/doors.ts';
import { expect, test } from '../fixtures/test.ts';

let doors: Doors;
test.beforeAll(async ({ engines }) => {
  doors = await Doors.start(engines);
});
test.afterAll(async () => doors.remove());

for (const [what, kind] of [
  ['pygelf sends compressed over UDP', 'pygelf-udp'],
  ['pygelf sends compressed in chunks over UDP', 'pygelf-chunks'],
  ['pygelf sends over TCP', 'pygelf-tcp'],
  ['graypy sends compressed over UDP', 'graypy-udp'],
  ['graypy sends over TCP', 'graypy-tcp'],
] as const) {
  test(what, async () => {
    const service = unique('gelf');
    const sent = await client('gelf.py', doors.ports.gelf, service, kind);
    const [record] = await stored(doors.api, service);
    expect(record).toMatchObject({
      message: 'order 17 is not paid: 카드',
      level: 'err',
      severity: 17,
      trace_id: '5b8efff798038103d269b633813fc60c',
      attributes: { order: 17, receipt: sent.receipt, full_message: expect.stringContaining('ValueError: no such card') },
    });
    expect(record!.node).not.toBe('');
    expect(apart(record!.time, sent.time)).toBeLessThan(0.001);
  });
}
