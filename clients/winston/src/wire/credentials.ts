import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import type { TlsOptions } from '../options';

/**
 * The credentials of a connection; unencrypted without options.
 *
 * @throws {TypeError} naming the option with invalid PEM.
 */
export function credentialsOf(tls: TlsOptions | undefined): ChannelCredentials {
  if (!tls) return credentials.createInsecure();
  try {
    return credentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.cert));
  } catch (error) {
    throw new TypeError(`tls: ${String(error)}; give ca, cert and key as PEM`);
  }
}

function pem(text: string | Buffer | undefined): Buffer | null {
  return text === undefined ? null : Buffer.from(text);
}
