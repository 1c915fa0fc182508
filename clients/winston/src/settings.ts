import { hostname } from 'node:os';
import { inspect } from 'node:util';
import { BATCH_RECORDS, NAME_BYTES } from './limits';
import type { FallbackOption, LogboomOptions, LogboomTransportOptions, TlsOptions } from './options';

/** The validated options with defaults. */
export interface Settings {
  readonly address: string;
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
  tls: false,
  batchRecords: 500,
  batchDelayMs: 100,
  maxBufferedRecords: 10_000,
  maxBufferedBytes: 16 << 20,
  fallback: 'console',
  flushTimeoutMs: 5000,
} as const;

/** winston's own options, which it validates itself. */
const WINSTON = ['format', 'level', 'silent', 'handleExceptions', 'handleRejections'];
const KNOWN = new Set([...Object.keys(DEFAULTS), 'service', 'node', ...WINSTON]);

// A host name, an IPv4 address, or an IPv6 address in brackets; then a port.
const ADDRESS = /^(?:[^\s:/[\]]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/;

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
    address: address(given.address),
    service: name('service', given.service),
    node: name('node', given.node),
    tls: tls(given.tls),
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

function wrong(option: string, value: unknown, way: string): TypeError {
  return new TypeError(`${option}: ${inspect(value, { depth: 1 })}; ${way}`);
}

function address(value: unknown): string {
  const port = typeof value === 'string' ? Number(ADDRESS.exec(value)?.[1]) : NaN;
  if (port >= 1 && port <= 65_535) return value as string;
  throw wrong('address', value, 'give host:port, such as 127.0.0.1:4317');
}

function name(option: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= NAME_BYTES) return value.toWellFormed();
  throw wrong(option, value, `give a text of 1 to ${NAME_BYTES} bytes`);
}

function whole(option: string, value: unknown, least: number, most: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  throw wrong(option, value, `give a whole number from ${least} to ${most}`);
}

function tls(value: unknown): TlsOptions | undefined {
  if (typeof value === 'boolean') return value ? {} : undefined;
  if (typeof value !== 'object' || value === null) throw wrong('tls', value, 'give true, false or an object of PEM texts');
  const given = value as TlsOptions;
  for (const [name, pem] of Object.entries({ ca: given.ca, cert: given.cert, key: given.key })) {
    if (pem !== undefined && typeof pem !== 'string' && !Buffer.isBuffer(pem)) {
      throw wrong(`tls.${name}`, pem, 'give PEM as a text or a Buffer');
    }
  }
  if ((given.cert === undefined) !== (given.key === undefined)) {
    throw new TypeError('tls.cert, tls.key: only one of them is there; give both or none');
  }
  if (given.serverName !== undefined) name('tls.serverName', given.serverName);
  return given;
}

function fallback(value: unknown): FallbackOption {
  if (value === 'console' || value === 'drop') return value;
  const file = typeof value === 'object' && value !== null && 'file' in value ? value.file : undefined;
  if (typeof file === 'string' && file !== '') return { file };
  throw wrong('fallback', value, "give 'console', 'drop' or { file: path }");
}
