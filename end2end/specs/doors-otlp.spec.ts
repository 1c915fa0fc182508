// OpenTelemetry's SDKs, over each of their protocols.
import { stored, unique } from '../fixtures/api.ts';
import { apart, client } from '../fixtures/clients.ts';
import { Doors } from '../fixtures/doors.ts';
import { expect, test } from '../fixtures/test.ts';

let doors: Doors;
test.beforeAll(async ({ engines }) => {
  doors = await Doors.start(engines);
});
test.afterAll(async () => doors.remove());

const places: Record<string, () => string> = {
  'the gRPC port': () => `http://${doors.program.grpcAddress}`,
  'the main port, by gRPC': () => doors.url,
  'the OTLP port': () => `http://127.0.0.1:${doors.ports.otlp}/v1/logs`,
  'the main port': () => `${doors.url}/v1/logs`,
};

const clients: [string, string, string, string, object][] = [
  ['Python', 'opentelemetry_sdk.py', 'grpc', 'the gRPC port', { 'exception.type': 'ValueError' }],
  ['Python', 'opentelemetry_sdk.py', 'http', 'the OTLP port', { 'deployment.environment.name': 'test' }],
  ['Node.js', 'opentelemetry-sdk.mjs', 'grpc', 'the main port, by gRPC', { 'card.kind': 'visa' }],
  ['Node.js', 'opentelemetry-sdk.mjs', 'http', 'the OTLP port', { 'otel.scope.version': '1.2' }],
  ['Node.js', 'opentelemetry-sdk.mjs', 'proto', 'the main port', { 'otel.scope.version': '1.2' }],
];
for (const [language, file, protocol, place, more] of clients) {
  test(`the SDK for ${language} sends to ${place}, ${protocol} compressed by gzip`, async () => {
    const service = unique('otlp');
    const sent = await client(file, places[place]!(), service, protocol);
    const [record] = await stored(doors.api, service);
    expect(record).toMatchObject({
      message: 'order 17 is not paid: 카드',
      level: 'error',
      severity: 17,
      node: 'till-1',
      trace_id: sent.trace_id,
      span_id: sent.span_id,
      attributes: { order: 17, items: '["tea","milk"]', 'otel.scope.name': 'orders', ...more },
    });
    expect(apart(record!.time, sent.time)).toBeLessThan(0.001);
  });
}
