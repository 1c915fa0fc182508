import { hostname } from 'node:os';
import { inspect } from 'node:util';
import { endpointOf } from './endpoint';
import { BATCH_RECORDS, NAME_BYTES } from './limits';
import type { FallbackOption, LogboomOptions, LogboomTransportOptions, TlsOptions } from './options';
import { wrong } from './wrong';

/** The validated options with defaults. */
export interface Settings {
  /** `host:port`. */
  readonly address: string;
  readonly key: string | undefined;
  readonly service: string;
  readonly node: string;
  /** `undefined`: not encrypted. */
  readonly tls: TlsOptions | undefined;
  readonly batchRecords: number;
  readonly batchDelayMs: number;
  readonly maxBufferedRecords: number;
  readonly maxBufferedBytes: number;
  readonly fallback: FallbackOption;
  readonly flushTimeoutMs: number;
}

const DEFAULTS = {
  address: '127.0.0.1:4317',
  batchRecords: 500,
  batchDelayMs: 100,
  maxBufferedRecords: 10_000,
  maxBufferedBytes: 16 << 20,
  fallback: 'console',
  flushTimeoutMs: 5000,
} as const;

/** winston's own options, which it validates itself. */
const WINSTON = ['format', 'level', 'silent', 'handleExceptions', 'handleRejections'];
const KNOWN = new Set([...Object.keys(DEFAULTS), 'service', 'node', 'key', 'ca', 'cert', 'clientKey', 'tls', ...WINSTON]);

// What a header can carry without a change, and no blank: a blank is from copying.
const KEY = /^[\x21-\x7e]{1,256}$/;

/**
 * Validates the options.
 *
 * @throws {TypeError} naming the option, its value and the valid values.
 */
export function settingsOf(options: LogboomTransportOptions): Settings {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`options: ${inspect(options)}; give an object with a service at least`);
  }
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) throw new TypeError(`${name}: unknown option; known are ${[...KNOWN].join(', ')}`);
  }
  const given = { ...DEFAULTS, node: hostname(), ...defined(options) };
  return {
    ...endpointOf(given),
    key: key(given.key),
    service: name('service', given.service),
    node: name('node', given.node),
    batchRecords: whole('batchRecords', given.batchRecords, 1, BATCH_RECORDS),
    batchDelayMs: whole('batchDelayMs', given.batchDelayMs, 0, 60_000),
    maxBufferedRecords: whole('maxBufferedRecords', given.maxBufferedRecords, 1, 10_000_000),
    maxBufferedBytes: whole('maxBufferedBytes', given.maxBufferedBytes, 1024, 2 ** 32),
    fallback: fallback(given.fallback),
    flushTimeoutMs: whole('flushTimeoutMs', given.flushTimeoutMs, 0, 600_000),
  };
}

/** Removes `undefined` options. */
function defined(options: LogboomOptions): LogboomOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as LogboomOptions;
}

/** The key, or else the environment's. An error never has the value. */
function key(value: unknown): string | undefined {
  const [place, text] = value === undefined ? ['LOGBOOM_KEY', process.env.LOGBOOM_KEY || undefined] : ['key', value];
  if (text === undefined || (typeof text === 'string' && KEY.test(text))) return text;
  throw new TypeError(`${place}: not a key; give a text of 1 to 256 visible ASCII characters, such as lb_…`);
}

function name(option: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= NAME_BYTES) return value.toWellFormed();
  throw wrong(option, value, `give a text of 1 to ${NAME_BYTES} bytes`);
}

function whole(option: string, value: unknown, least: number, most: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  throw wrong(option, value, `give a whole number from ${least} to ${most}`);
}

function fallback(value: unknown): FallbackOption {
  if (value === 'console' || value === 'drop') return value;
  const file = typeof value === 'object' && value !== null && 'file' in value ? value.file : undefined;
  if (typeof file === 'string' && file !== '') return { file };
  throw wrong('fallback', value, "give 'console', 'drop' or { file: path }");
}
