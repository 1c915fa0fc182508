//! Why a log-in by an identity provider failed, as an address has it and a page shows it.

/// Makes the enum with the codes for addresses.
macro_rules! failures {
    ($($(#[$doc:meta])* $variant:ident = $code:literal),+ $(,)?) => {
        /// Why a log-in by an identity provider failed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ExternalFailure {
            $($(#[$doc])* $variant),+
        }

        impl ExternalFailure {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The code for the address of the log-in page.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            pub fn read(code: &str) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

failures! {
    /// The provider does not answer, or cannot be used.
    Unreachable = "oidc-unreachable",
    /// The user has said no at the provider.
    Denied = "oidc-denied",
    /// The provider refuses the log-in, or this server as its client.
    Refused = "oidc-refused",
    /// The log-in has begun in another browser, has taken too long, or is over.
    Stale = "oidc-stale",
    /// The provider is another one than its address says.
    Issuer = "oidc-issuer",
    /// The clocks of the provider and of this server differ.
    Clock = "oidc-clock",
    /// The token is not valid for this log-in.
    Token = "oidc-token",
    /// No group of the user has a role.
    NoRole = "oidc-no-role",
    /// There is no admin yet, and the user is none.
    NoAdmin = "oidc-no-admin",
    /// The user is the last admin, and has lost the role.
    LastAdmin = "oidc-last-admin",
    /// The session could not be stored.
    Unavailable = "oidc-unavailable",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_read_back() {
        for failure in ExternalFailure::ALL {
            assert_eq!(ExternalFailure::read(failure.code()), Some(*failure));
        }
        assert_eq!(ExternalFailure::read("wrong"), None);
    }
}
