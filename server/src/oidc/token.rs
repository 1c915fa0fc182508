//! Checks an ID token: signature, issuer, audience, authorised party, times, nonce, and the access token beside it.

use app::external::ExternalFailure;
use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::{
    AccessTokenHash, ClaimsVerificationError, ClientId, IdTokenVerifier, IssuerUrl, Nonce, OAuth2TokenResponse as _,
    SignatureVerificationError, TokenResponse as _,
    core::{CoreJsonWebKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm},
};
use serde_json::Value;

use super::{
    failure::{Failure, chain},
    types::Tokens,
};

/// How much the clocks of the provider and of this server may differ, in seconds.
const LEEWAY_SECONDS: i64 = 60;

/// Signatures with a public key. With a signature by the client's secret, everybody who knows the secret could sign.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// For whom a token must be, and for which log-in.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a IssuerUrl,
    pub(super) client: &'a ClientId,
    pub(super) nonce: &'a Nonce,
}

/// A token that does not count.
#[derive(Debug)]
pub(super) enum Refused {
    /// Its key is not among those that were read; the provider may have changed them.
    UnknownKey(String),
    Failed(Failure),
}

/// Checks the ID token of an answer, and returns all its claims.
///
/// # Errors
/// Why the token does not count.
pub(super) fn check(
    tokens: &Tokens,
    keys: &CoreJsonWebKeySet,
    expected: &Expected<'_>,
    now: DateTime<Utc>,
) -> Result<Value, Refused> {
    let Some(token) = tokens.id_token() else {
        return Err(invalid("the provider sent no ID token; the scopes must have openid"));
    };
    let leeway = TimeDelta::seconds(LEEWAY_SECONDS);
    let keys = keys.clone();
    let verifier: IdTokenVerifier<'_, CoreJsonWebKey> =
        IdTokenVerifier::new_public_client(expected.client.clone(), expected.issuer.clone(), keys)
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || now - leeway)
            .set_issue_time_verifier_fn(move |issued| match issued > now + leeway {
                true => Err(format!("it was issued at {issued}, and it is {now} here")),
                false => Ok(()),
            });
    let claims = token.claims(&verifier, expected.nonce).map_err(|error| refused(&error))?;
    // The library leaves this to its users.
    match claims.authorized_party() {
        Some(party) if party != expected.client => {
            return Err(invalid(format!("the token is for {}, by its azp", party.as_str())));
        }
        None if claims.audiences().len() > 1 => return Err(invalid("the token has several audiences and no azp")),
        _ => {}
    }
    if let Some(hash) = claims.access_token_hash() {
        let unusable = |error: &dyn std::error::Error| invalid(format!("at_hash: {}", chain(error)));
        let algorithm = token.signing_alg().map_err(|error| unusable(&error))?;
        let key = token.signing_key(&verifier).map_err(|error| unusable(&error))?;
        let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key);
        if actual.map_err(|error| unusable(&error))? != *hash {
            return Err(invalid("the access token is another one than that of the ID token"));
        }
    }
    serde_json::to_value(claims).map_err(|error| invalid(format!("the claims do not read: {error}")))
}

fn invalid(detail: impl Into<String>) -> Refused {
    Refused::Failed(Failure::new(ExternalFailure::Token, detail))
}

fn refused(error: &ClaimsVerificationError) -> Refused {
    let kind = match error {
        ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey | SignatureVerificationError::CryptoError(_),
        ) => return Refused::UnknownKey(chain(error)),
        ClaimsVerificationError::Expired(_) => ExternalFailure::Clock,
        ClaimsVerificationError::InvalidIssuer(_) => ExternalFailure::Issuer,
        _ => ExternalFailure::Token,
    };
    Refused::Failed(Failure::new(kind, chain(error)))
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use openidconnect::{
        AccessToken, Audience, EmptyExtraTokenFields, IdToken, IdTokenClaims, IdTokenFields, JsonWebKeyId,
        PrivateSigningKey as _, StandardClaims, SubjectIdentifier,
        core::{CoreEdDsaPrivateSigningKey, CoreTokenType},
    };

    use super::*;
    use crate::oidc::types::Others;

    const ISSUER: &str = "https://id.example";
    const CLIENT: &str = "logboom";

    /// A key of the provider, by its number.
    fn key(number: u8) -> CoreEdDsaPrivateSigningKey {
        // PKCS#8 of Ed25519 (RFC 8410): a fixed head, and 32 bytes.
        let head = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
        let text = STANDARD.encode([&head[..], &[number; 32]].concat());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(JsonWebKeyId::new(format!("key-{number}")))).unwrap()
    }

    fn keys(number: u8) -> CoreJsonWebKeySet {
        CoreJsonWebKeySet::new(vec![key(number).as_verification_key()])
    }

    fn time(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    type Claims = IdTokenClaims<Others, openidconnect::core::CoreGenderClaim>;

    /// Claims that count for five minutes.
    fn claims() -> Claims {
        let groups = serde_json::json!({ "groups": ["ops"] });
        let others = Others { claims: groups.as_object().unwrap().clone() };
        let standard = StandardClaims::new(SubjectIdentifier::new("248289761001".to_owned()));
        let audiences = vec![Audience::new(CLIENT.to_owned())];
        Claims::new(IssuerUrl::new(ISSUER.to_owned()).unwrap(), audiences, time(300), time(0), standard, others)
            .set_nonce(Some(Nonce::new("nonce".to_owned())))
    }

    fn tokens(claims: Claims, number: u8, hashed: &str) -> Tokens {
        let access = AccessToken::new("access".to_owned());
        let hashed = AccessToken::new(hashed.to_owned());
        let token = IdToken::new(claims, &key(number), CoreJwsSigningAlgorithm::EdDsa, Some(&hashed), None).unwrap();
        Tokens::new(access, CoreTokenType::Bearer, IdTokenFields::new(Some(token), EmptyExtraTokenFields {}))
    }

    fn check_at(tokens: &Tokens, seconds: i64) -> Result<Value, Refused> {
        let (issuer, client) = (IssuerUrl::new(ISSUER.to_owned()).unwrap(), ClientId::new(CLIENT.to_owned()));
        let nonce = Nonce::new("nonce".to_owned());
        check(tokens, &keys(1), &Expected { issuer: &issuer, client: &client, nonce: &nonce }, time(seconds))
    }

    fn kind(tokens: &Tokens, seconds: i64) -> Option<ExternalFailure> {
        match check_at(tokens, seconds) {
            Ok(_) => None,
            Err(Refused::Failed(failure)) => Some(failure.kind),
            Err(Refused::UnknownKey(detail)) => panic!("{detail}"),
        }
    }

    #[test]
    fn the_claims_of_a_good_token_are_all_there() {
        let claims = check_at(&tokens(claims(), 1, "access"), 10).unwrap();
        assert_eq!((&claims["sub"], &claims["groups"][0]), (&Value::from("248289761001"), &Value::from("ops")));
    }

    #[test]
    fn a_token_counts_between_its_times_with_a_minute_of_patience() {
        let tokens = tokens(claims(), 1, "access");
        for (seconds, failure) in [
            (-59, None),
            (-61, Some(ExternalFailure::Clock)),
            (0, None),
            (359, None),
            (360, Some(ExternalFailure::Clock)),
        ] {
            assert_eq!(kind(&tokens, seconds), failure, "{seconds}");
        }
    }

    #[test]
    fn a_token_for_others_or_of_others_does_not_count() {
        let audience = |name: &str| Audience::new(name.to_owned());
        let party = |name: &str| Some(ClientId::new(name.to_owned()));
        let both = || vec![audience(CLIENT), audience("other")];
        let other_issuer = IssuerUrl::new("https://id.example/".to_owned()).unwrap();
        for (claims, failure) in [
            (claims().set_issuer(other_issuer), ExternalFailure::Issuer),
            (claims().set_audiences(vec![audience("other")]), ExternalFailure::Token),
            (claims().set_audiences(Vec::new()), ExternalFailure::Token),
            (claims().set_audiences(both()), ExternalFailure::Token),
            (claims().set_audiences(both()).set_authorized_party(party(CLIENT)), ExternalFailure::Token),
            (claims().set_authorized_party(party("other")), ExternalFailure::Token),
            (claims().set_nonce(Some(Nonce::new("another".to_owned()))), ExternalFailure::Token),
            (claims().set_nonce(None), ExternalFailure::Token),
        ] {
            let shown = format!("{claims:?}");
            assert_eq!(kind(&tokens(claims, 1, "access"), 10), Some(failure), "{shown}");
        }
        assert_eq!(kind(&tokens(claims().set_authorized_party(party(CLIENT)), 1, "access"), 10), None);
    }

    #[test]
    fn another_access_token_and_a_missing_id_token_are_noticed() {
        assert_eq!(kind(&tokens(claims(), 1, "stolen"), 10), Some(ExternalFailure::Token));
        let fields = IdTokenFields::new(None, EmptyExtraTokenFields {});
        let none = Tokens::new(AccessToken::new("access".to_owned()), CoreTokenType::Bearer, fields);
        assert_eq!(kind(&none, 10), Some(ExternalFailure::Token));
    }

    #[test]
    fn a_key_that_was_not_read_is_told_apart() {
        let refused = check_at(&tokens(claims(), 2, "access"), 10).unwrap_err();
        assert!(matches!(refused, Refused::UnknownKey(_)), "{refused:?}");
    }

    #[test]
    fn a_token_that_was_changed_or_is_signed_by_the_secret_does_not_count() {
        let text = serde_json::to_value(tokens(claims(), 1, "access")).unwrap();
        let token = text["id_token"].as_str().unwrap().to_owned();
        let (head, rest) = token.split_once('.').unwrap();
        let (_, signature) = rest.split_once('.').unwrap();
        let url = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let with = |head: &str, body: &str, signature: &str| -> Tokens {
            let mut text = text.clone();
            text["id_token"] = Value::from(format!("{head}.{body}.{signature}"));
            serde_json::from_value(text).unwrap()
        };
        let body = serde_json::to_string(&claims()).unwrap();
        let richer = url.encode(body.replace("ops", "all"));
        assert!(matches!(check_at(&with(head, &richer, signature), 10), Err(Refused::UnknownKey(_))));
        for algorithm in ["HS256", "none"] {
            let head = url.encode(format!("{{\"alg\":\"{algorithm}\"}}"));
            let refused = check_at(&with(&head, &url.encode(&body), signature), 10);
            assert!(matches!(refused, Err(Refused::Failed(_))), "{algorithm}: {refused:?}");
        }
    }
}
