import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import type { TlsOptions } from '../options';

/**
 * What a connection is encrypted with; in clear text without options.
 *
 * @throws {TypeError} that names the option, where a PEM text is none.
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
