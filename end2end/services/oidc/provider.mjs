// An OpenID Connect provider: the package oidc-provider, which is certified, with people of the test. Each start has
// another key.
//
//   node provider.mjs '{"port":…,"redirect":"…/login/oidc/callback","secret":"…"}'
//
// More options: `issuer`, if it says that it is another one; `early`, the seconds that its clock is ahead; `inToken`, if the
// groups are in the ID token instead of the user info. A message {"groups":{"kim":["ops"]}} sets the groups of people.
import { generateKeyPairSync } from 'node:crypto';

const options = JSON.parse(process.argv[2]);
if (options.early) {
  const now = Date.now;
  Date.now = () => now() + options.early * 1000;
}
const { default: Provider } = await import('oidc-provider');

let groups = {};
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', kid: `key-${process.pid}` };
const scopes = 'openid profile email groups';

const provider = new Provider(options.issuer ?? `http://127.0.0.1:${options.port}`, {
  clients: [
    {
      client_id: 'logboom',
      client_secret: options.secret,
      redirect_uris: [options.redirect],
      grant_types: ['authorization_code'],
      response_types: ['code'],
    },
  ],
  claims: { openid: ['sub'], profile: ['preferred_username'], email: ['email', 'email_verified'], groups: ['groups'] },
  conformIdTokenClaims: !options.inToken,
  cookies: { keys: ['a key of the test'] },
  jwks: { keys: [key] },
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      preferred_username: `${id}@id.example`,
      email: `${id}@id.example`,
      email_verified: true,
      groups: groups[id] ?? [],
    }),
  }),
  // Nobody is asked for consent.
  async loadExistingGrant({ oidc }) {
    const known = oidc.session.grantIdFor(oidc.client.clientId);
    if (known) return oidc.provider.Grant.find(known);
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope(scopes);
    await grant.save();
    return grant;
  },
});

process.on('message', (message) => {
  groups = message.groups;
  process.send({ set: true });
});
process.on('disconnect', () => process.exit(0));
provider.listen(options.port, '127.0.0.1', () => process.send?.({ ready: true }));
