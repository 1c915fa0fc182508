// Where the server is, and how the connection is encrypted.
import { readFileSync } from 'node:fs';
import { NAME_BYTES } from './limits';
import type { LogboomOptions, TlsOptions } from './options';
import { wrong } from './wrong';

/** A validated address and the certificates for it. */
export interface Endpoint {
  /** `host:port`. */
  readonly address: string;
  /** `undefined`: not encrypted. */
  readonly tls: TlsOptions | undefined;
}

// A scheme; a host name, an IPv4 address, or an IPv6 address in brackets; a port.
const ADDRESS = /^(?:(https?):\/\/)?([^\s:/?#@[\]]+|\[[0-9a-fA-F:.]+\])(?::(\d{1,5}))?\/?$/;
const PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** The options for `tls`, under their names in it. */
const CERTIFICATES = { ca: 'ca', cert: 'cert', clientKey: 'key' } as const;

/**
 * Validates the address and the certificates. Reads those that are files.
 *
 * @throws {TypeError} naming the option and the valid values.
 */
export function endpointOf(options: LogboomOptions): Endpoint {
  const { scheme, address } = parsed(options.address);
  const given = tlsOf(options.tls);
  if (scheme === 'http' && given) throw new TypeError('tls: the address is not encrypted; begin it with https://');
  if (scheme === 'https' && options.tls === false) {
    throw new TypeError('tls: false, but the address begins with https://; leave one of them out');
  }
  const isEncrypted = scheme === 'https' || given !== undefined;
  const certificates: Record<string, string> = {};
  for (const [option, name] of Object.entries(CERTIFICATES) as [keyof typeof CERTIFICATES, 'ca' | 'cert' | 'key'][]) {
    const value: unknown = options[option];
    if (value === undefined) continue;
    if (!isEncrypted) throw new TypeError(`${option}: the address is not encrypted; begin it with https://`);
    if (given?.[name] !== undefined) throw new TypeError(`${option}, tls.${name}: both are there; give one of them`);
    certificates[name] = pemOf(option, value);
  }
  if (!isEncrypted) return { address, tls: undefined };
  const tls: TlsOptions = { ...given, ...certificates };
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw new TypeError('cert, clientKey: only one of them is there; give both or none');
  }
  return { address, tls };
}

function parsed(value: unknown): { scheme: string | undefined; address: string } {
  const [, scheme, host, given] = (typeof value === 'string' && ADDRESS.exec(value)) || [];
  const port = given === undefined ? PORTS[scheme ?? ''] : Number(given);
  // A slash at the end belongs to a URL.
  const isWhole = scheme !== undefined || !String(value).endsWith('/');
  if (host === undefined || port === undefined || port < 1 || port > 65_535 || !isWhole) {
    throw wrong('address', masked(value), 'give host:port, such as 127.0.0.1:4317, or https://host:port');
  }
  return { scheme, address: `${host}:${port}` };
}

/** The address without what is in front of an `@`, which may be a key or a password. */
function masked(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/^(https?:\/\/)?[^]*@/i, '$1…@') : value;
}

/** PEM as it is, or the content of the file. An error never has the value, which may be a private key. */
function pemOf(option: string, value: unknown): string {
  const way = 'give PEM text, or the path of a PEM file';
  if (typeof value !== 'string' || value === '') throw new TypeError(`${option}: not a text; ${way}`);
  if (value.includes('-----BEGIN ')) return value;
  let text: string;
  try {
    text = readFileSync(value, 'utf8');
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw new TypeError(`${option}: the file cannot be read (${code}); ${way}`);
  }
  if (text.includes('-----BEGIN ')) return text;
  throw new TypeError(`${option}: the file has no PEM; ${way}`);
}

function tlsOf(value: unknown): TlsOptions | undefined {
  if (value === undefined || typeof value === 'boolean') return value ? {} : undefined;
  if (typeof value !== 'object' || value === null) throw wrong('tls', value, 'give true, false or an object of PEM texts');
  const given = value as TlsOptions;
  for (const [name, pem] of Object.entries({ ca: given.ca, cert: given.cert, key: given.key })) {
    if (pem !== undefined && typeof pem !== 'string' && !Buffer.isBuffer(pem)) {
      throw new TypeError(`tls.${name}: ${typeof pem}; give PEM as a text or a Buffer`);
    }
  }
  if ((given.cert === undefined) !== (given.key === undefined)) {
    throw new TypeError('tls.cert, tls.key: only one of them is there; give both or none');
  }
  const { serverName } = given;
  if (serverName !== undefined && (typeof serverName !== 'string' || serverName === '' || Buffer.byteLength(serverName) > NAME_BYTES)) {
    throw wrong('tls.serverName', serverName, `give a text of 1 to ${NAME_BYTES} bytes`);
  }
  return given;
}
