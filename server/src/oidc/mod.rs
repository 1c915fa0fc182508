//! Log-in by OpenID Connect: the code flow with PKCE, at one provider.
//!
//! | file | content |
//! |---|---|
//! | `provider` | the provider's addresses and keys: read when they are needed, and again |
//! | `fetch` | calls of the provider, bounded in time and size |
//! | `attempt` | a log-in that has begun, as the browser keeps it |
//! | `token` | the checks of an ID token |
//! | `claims` | groups and the name of a person |
//! | `rules` | from groups to a role and a filter |
//! | `address` | the address of this server, to which the provider sends the browser back |
//! | `types` | the types of `openidconnect` with all claims |
//! | `failure` | why a log-in has failed |
//!
//! [`Oidc::begin`] makes the address at the provider to which a browser is sent. [`Oidc::finish`] takes what the provider
//! has sent back, and returns the person and its rights. `http/oidc.rs` has the calls; the package `access` keeps users
//! and sessions. The token of the provider is not kept: the groups count until the next log-in.

mod address;
mod attempt;
mod claims;
mod failure;
mod fetch;
mod provider;
mod rules;
mod token;
mod types;

use std::{
    borrow::Cow,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use access::{ExternalPerson, Granted, ReadTerms, Role, Secret};
use anyhow::Context as _;
use app::external::ExternalFailure;
use openidconnect::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    StandardErrorResponse, SubjectIdentifier,
    core::{CoreAuthenticationFlow, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim},
};
use parking_lot::Mutex;
use pipeline::clock::Clock;
use serde_json::Value;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};
use url::Url;

pub(crate) use self::{
    address::own_address,
    attempt::{ATTEMPT_SECONDS, Attempt},
    failure::Failure,
    fetch::is_safe,
    rules::{Right, RoleRule, Roles},
};
use self::{
    failure::chain,
    fetch::{Fetch, FetchError},
    provider::{Known, Provider},
    token::{Expected, Refused},
    types::{Client, ClientOf, Others, Tokens},
};
use crate::gate::Logged;

/// The path to which the provider sends the browser back.
pub(crate) const CALLBACK: &str = "/login/oidc/callback";
/// The log-ins that are checked at once. Anybody can send a code, and each costs a call of the provider.
const AT_ONCE: usize = 16;
/// How long a log-in waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// The turn of a log-in to be checked.
pub(crate) type Turn<'o> = SemaphorePermit<'o>;

/// The options of log-ins by a provider.
#[derive(Clone)]
pub(crate) struct Settings {
    /// As the provider writes it: it is compared as text.
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    /// `None` for a public client, which has PKCE alone.
    pub(crate) client_secret: Option<Secret>,
    pub(crate) scopes: Vec<String>,
    pub(crate) groups_claim: String,
    pub(crate) roles: Roles,
    /// The name on the button.
    pub(crate) name: String,
    /// The authorities of the provider's certificate, in PEM.
    pub(crate) ca: Option<Vec<u8>>,
    /// How long a session lasts.
    pub(crate) session: Duration,
    /// The addresses of this server.
    pub(crate) public: Vec<Url>,
}

/// Somebody whom the provider has authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authenticated {
    pub(crate) person: ExternalPerson,
    /// `None` if no group has a role.
    pub(crate) granted: Option<Granted>,
}

/// Log-ins by a provider. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Oidc {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    client_id: ClientId,
    provider: Provider,
    exchanges: Semaphore,
    /// The log lines about failures that anybody can cause.
    logged: Mutex<Logged>,
    clock: Clock,
}

impl Oidc {
    /// Checks the options. Connects to nothing yet.
    ///
    /// # Errors
    /// A filter, the issuer or the certificates cannot be used.
    pub(crate) async fn new(settings: Settings, clock: Clock) -> anyhow::Result<Self> {
        for filter in settings.roles.filters() {
            let read = ReadTerms { filter: Some(filter.to_owned()), ..ReadTerms::default() };
            read.check().await.with_context(|| format!("--oidc-role: the filter {filter:?}"))?;
        }
        let issuer = IssuerUrl::new(settings.issuer.clone()).context("--oidc-issuer")?;
        let provider = Provider::new(issuer, Fetch::new(settings.ca.as_deref())?);
        let client_id = ClientId::new(settings.client_id.clone());
        let (exchanges, logged) = (Semaphore::new(AT_ONCE), Mutex::new(Logged::new()));
        let inner = Inner { settings, client_id, provider, exchanges, logged, clock };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The name on the button.
    pub(crate) fn name(&self) -> &str {
        &self.inner.settings.name
    }

    /// The addresses of this server, from `--public-url`.
    pub(crate) fn public(&self) -> &[Url] {
        &self.inner.settings.public
    }

    /// The issuer, for the parameter `iss` of an answer.
    pub(crate) fn issuer(&self) -> &str {
        self.inner.provider.issuer().as_str()
    }

    /// Seconds since the Unix epoch.
    pub(crate) fn now(&self) -> i64 {
        self.inner.clock.now().div_euclid(1_000_000_000)
    }

    /// Reads what is to be known of the provider, so that the log tells at the start of the server if it cannot be used.
    pub(crate) async fn try_out(&self) {
        if let Ok(known) = self.inner.provider.known().await {
            let issuer = known.metadata.issuer().as_str();
            tracing::info!(issuer, "people can log in by the OIDC provider");
        }
    }

    /// The address at the provider to which a browser is sent, and what the browser keeps meanwhile. `own`: the address
    /// of this server; `next`: the path to go to afterwards.
    ///
    /// # Errors
    /// The provider cannot be used now.
    pub(crate) async fn begin(&self, own: &Url, next: &str) -> Result<(Url, Attempt), Failure> {
        let known = self.inner.provider.known().await?;
        let client = self.client(&known)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        // The library asks for `openid` by itself.
        let scopes = self.inner.settings.scopes.iter().filter(|scope| *scope != "openid");
        let request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(scopes.map(|scope| Scope::new(scope.clone())))
            .set_pkce_challenge(challenge)
            .set_redirect_uri(Cow::Owned(callback(own)?));
        let (url, state, nonce) = request.url();
        let attempt = Attempt {
            state: state.secret().clone(),
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
            next: next.to_owned(),
            begun: self.now(),
        };
        Ok((url, attempt))
    }

    /// Whether a failure of this caller that anybody can cause gets a line in the log; and how many were left out before.
    pub(crate) fn may_log(&self, caller: IpAddr) -> (bool, u64) {
        self.inner.logged.lock().note(caller, Instant::now())
    }

    /// Waits for a turn to check a log-in. Codes that are made up cost their sender nothing, so those of others may hold
    /// all turns for a moment.
    ///
    /// # Errors
    /// Others hold all turns for 5 s.
    pub(crate) async fn turn(&self) -> Result<Turn<'_>, Failure> {
        match timeout(PATIENCE, self.inner.exchanges.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => {
                let detail = format!("{AT_ONCE} log-ins are checked at once, and this is one more");
                Err(Failure::new(ExternalFailure::Unreachable, detail))
            }
        }
    }

    /// Gives the code to the provider, and checks what comes back. `own` must be the address of [`Oidc::begin`].
    ///
    /// # Errors
    /// Why the log-in does not count.
    pub(crate) async fn finish(
        &self,
        _turn: &Turn<'_>,
        own: &Url,
        attempt: &Attempt,
        code: &str,
    ) -> Result<Authenticated, Failure> {
        let known = self.inner.provider.known().await?;
        let client = self.client(&known)?;
        let exchange = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier.clone()))
            .set_redirect_uri(Cow::Owned(callback(own)?));
        let tokens = exchange.request_async(self.inner.provider.fetch()).await;
        let tokens: Tokens = tokens.map_err(|error| exchange_failure(&error))?;
        let claims = self.check(&known, &tokens, attempt).await?;
        let claims = self.with_groups(&client, &tokens, claims).await?;
        self.authenticated(&claims)
    }

    /// Checks the ID token. If its key is unknown, the keys are read once more: the provider may have changed them.
    async fn check(&self, known: &Arc<Known>, tokens: &Tokens, attempt: &Attempt) -> Result<Value, Failure> {
        let nonce = Nonce::new(attempt.nonce.clone());
        let expected = Expected { issuer: self.inner.provider.issuer(), client: &self.inner.client_id, nonce: &nonce };
        let now = || chrono::DateTime::from_timestamp_nanos(self.inner.clock.now());
        match token::check(tokens, known.metadata.jwks(), &expected, now()) {
            Ok(claims) => return Ok(claims),
            Err(Refused::Failed(failure)) => return Err(failure),
            Err(Refused::UnknownKey(detail)) => tracing::debug!(detail, "a token has an unknown key"),
        }
        let known = self.inner.provider.with_new_keys(known).await?;
        token::check(tokens, known.metadata.jwks(), &expected, now()).map_err(|refused| match refused {
            Refused::Failed(failure) => failure,
            Refused::UnknownKey(detail) => Failure::new(ExternalFailure::Token, detail),
        })
    }

    /// Asks for the claims that the ID token does not have, if the groups are not among those that it has.
    async fn with_groups(&self, client: &Client, tokens: &Tokens, mut claims: Value) -> Result<Value, Failure> {
        if claims::groups(&claims, &self.inner.settings.groups_claim).is_some() {
            return Ok(claims);
        }
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        let subject = SubjectIdentifier::new(subject.to_owned());
        // A provider without this endpoint has nothing more to say.
        let Ok(request) = client.user_info(tokens.access_token().clone(), Some(subject)) else { return Ok(claims) };
        let more = request.request_async::<Others, _, CoreGenderClaim>(self.inner.provider.fetch()).await;
        let more = more.map_err(|error| {
            Failure::new(ExternalFailure::Unreachable, format!("the user info was not read: {}", chain(&error)))
        })?;
        claims::merge(&mut claims, serde_json::to_value(more).unwrap_or_default());
        Ok(claims)
    }

    fn authenticated(&self, claims: &Value) -> Result<Authenticated, Failure> {
        let Some(subject) = claims.get("sub").and_then(Value::as_str) else {
            return Err(Failure::new(ExternalFailure::Token, "the token has no subject"));
        };
        let settings = &self.inner.settings;
        let groups = claims::groups(claims, &settings.groups_claim).unwrap_or_default();
        let granted = settings.roles.of(&groups).map(|Right { role, filter }| Granted {
            role,
            read: ReadTerms { filter: filter.filter(|_| role == Role::Viewer), ..ReadTerms::default() },
            life: settings.session,
        });
        let person = ExternalPerson {
            issuer: self.issuer().to_owned(),
            subject: subject.to_owned(),
            label: claims::label(claims).to_owned(),
        };
        Ok(Authenticated { person, granted })
    }

    fn client(&self, known: &Known) -> Result<Client, Failure> {
        let metadata = &known.metadata;
        let Some(endpoint) = metadata.token_endpoint() else {
            return Err(Failure::new(ExternalFailure::Unreachable, "the provider names no token endpoint"));
        };
        let secret = self.inner.settings.client_secret.as_ref().map(|secret| ClientSecret::new(secret.0.clone()));
        let client = ClientOf::<EndpointMaybeSet>::from_provider_metadata(
            metadata.clone(),
            self.inner.client_id.clone(),
            secret,
        );
        // The default of the standard, unless the provider takes the secret in the body alone.
        let takes = |method| {
            let methods = metadata.token_endpoint_auth_methods_supported();
            methods.is_none_or(|methods| methods.contains(&method))
        };
        let is_posted =
            !takes(CoreClientAuthMethod::ClientSecretBasic) && takes(CoreClientAuthMethod::ClientSecretPost);
        let auth = if is_posted { AuthType::RequestBody } else { AuthType::BasicAuth };
        Ok(client.set_token_uri(endpoint.clone()).set_auth_type(auth))
    }
}

fn callback(own: &Url) -> Result<RedirectUrl, Failure> {
    let url = own.join(CALLBACK).map_err(|error| Failure::new(ExternalFailure::Unreachable, chain(&error)))?;
    Ok(RedirectUrl::from_url(url))
}

fn exchange_failure(error: &RequestTokenError<FetchError, StandardErrorResponse<CoreErrorResponseType>>) -> Failure {
    let (kind, why) = match error {
        RequestTokenError::Request(_) | RequestTokenError::Other(_) => (ExternalFailure::Unreachable, chain(error)),
        RequestTokenError::ServerResponse(_) => (ExternalFailure::Refused, chain(error)),
        // Neither the answer nor the whole error, which may quote a token.
        RequestTokenError::Parse(error, _) => {
            (ExternalFailure::Token, format!("the answer does not read at {}", error.path()))
        }
    };
    Failure::new(kind, format!("the code was not exchanged: {why}"))
}
