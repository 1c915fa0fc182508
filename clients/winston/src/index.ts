export type { Counters } from './delivery/counters';
export { AccessDenied, type Disconnection, type Overflow, type Refusal, type TransportEvents } from './events';
export type { FallbackOption, LogboomOptions, LogboomTransportOptions, TlsOptions, WinstonOptions } from './options';
export type { Attribute, LogRecord, Value } from './record/record';
export { LogboomTransport } from './transport';
