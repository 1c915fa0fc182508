//! Options of log-ins by an identity provider.

use std::{fs, path::PathBuf, time::Duration};

use access::{Role, Secret};
use anyhow::{Context as _, ensure};
use clap::Args;
use url::Url;

use super::{listen::ListenOptions, secret_file::read_secret};
use crate::oidc::{Right, RoleRule, Roles, Settings, is_safe};

/// The limit of the name on the button, in characters.
const NAME_CHARS: usize = 40;
/// The limit of the file with certificates, in bytes.
const CA_BYTES: u64 = 4 << 20;

/// Log-ins by an identity provider.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log-in by OpenID Connect")]
pub(crate) struct OidcOptions {
    /// The issuer of an OpenID Connect provider, such as https://id.example.com/realms/main: people can log in by it.
    /// Write it as the provider does, down to the slash at its end. It needs TLS, but for localhost. Register
    /// https://…/login/oidc/callback there, below the address of this server (see --public-url). See docs/access.md.
    #[arg(long, env = "LOGBOOM_OIDC_ISSUER", value_name = "URL", value_parser = issuer, requires = "oidc_client_id")]
    pub oidc_issuer: Option<String>,

    /// The id of this server at the provider.
    #[arg(long, env = "LOGBOOM_OIDC_CLIENT_ID", value_name = "ID", requires = "oidc_issuer")]
    pub oidc_client_id: Option<String>,

    /// A file with the secret of this server at the provider. Without it, the client must be a public one there.
    #[arg(long, env = "LOGBOOM_OIDC_CLIENT_SECRET_FILE", value_name = "FILE", requires = "oidc_issuer")]
    pub oidc_client_secret_file: Option<PathBuf>,

    /// What is asked of the provider, separated by blanks or commas. Some providers need one more for the groups.
    #[arg(long, env = "LOGBOOM_OIDC_SCOPES", value_name = "SCOPES", default_value = "openid profile email")]
    pub oidc_scopes: String,

    /// The claim with the groups of a person, or a path to it, such as realm_access.roles.
    #[arg(long, env = "LOGBOOM_OIDC_GROUPS_CLAIM", value_name = "CLAIM", default_value = "groups")]
    pub oidc_groups_claim: String,

    /// What a group may, as GROUP=viewer, GROUP=editor, GROUP=admin or GROUP=viewer:FILTER with a query, such as
    /// shop-team=viewer:service:shop; may be given several times, and in the environment variable one per line. The
    /// highest role of a person counts. Who has none is not let in.
    #[arg(long, env = "LOGBOOM_OIDC_ROLE", value_name = "GROUP=ROLE", value_delimiter = '\n')]
    pub oidc_role: Vec<RoleRule>,

    /// What people may whose groups have no role: viewer, editor, or viewer:FILTER. Everybody whom the provider knows is
    /// then let in.
    #[arg(long, env = "LOGBOOM_OIDC_DEFAULT_ROLE", value_name = "ROLE", requires = "oidc_issuer")]
    pub oidc_default_role: Option<Right>,

    /// The name of the provider on the log-in page.
    #[arg(long, env = "LOGBOOM_OIDC_NAME", value_name = "NAME", default_value = "OpenID Connect")]
    pub oidc_name: String,

    /// The authorities of the provider's certificate instead of those of the system: a PEM file.
    #[arg(long, env = "LOGBOOM_OIDC_CA", value_name = "FILE", requires = "oidc_issuer")]
    pub oidc_ca: Option<PathBuf>,

    /// How long a session lasts after such a log-in. Changes of groups at the provider count from the next log-in.
    #[arg(long, env = "LOGBOOM_OIDC_SESSION", value_name = "TIME", default_value = "12h",
          value_parser = humantime::parse_duration)]
    pub oidc_session: Duration,
}

impl OidcOptions {
    /// Reads the files; `None` without an issuer.
    ///
    /// # Errors
    /// A file cannot be read, or an option is out of its limits.
    pub(crate) fn build(&self, listen: &ListenOptions) -> anyhow::Result<Option<Settings>> {
        let (Some(issuer), Some(client_id)) = (&self.oidc_issuer, &self.oidc_client_id) else { return Ok(None) };
        let is_admin = self.oidc_default_role.as_ref().is_some_and(|right| right.role == Role::Admin);
        ensure!(!is_admin, "--oidc-default-role: it may not be admin; give a group this role by --oidc-role");
        let roles = Roles::new(self.oidc_role.clone(), self.oidc_default_role.clone());
        ensure!(
            !roles.is_empty(),
            "--oidc-issuer: nobody could log in; give a group a role by --oidc-role GROUP=admin"
        );
        let name = self.oidc_name.trim();
        let chars = name.chars().count();
        ensure!((1..=NAME_CHARS).contains(&chars), "--oidc-name has {chars} characters; it may have 1 to {NAME_CHARS}");
        let (least, most) = (Duration::from_secs(60), access::SESSION_LIFE);
        ensure!((least..=most).contains(&self.oidc_session), "--oidc-session: it may be 1m to 30d");
        let secret = self.oidc_client_secret_file.as_ref();
        let secret = secret.map(|path| read_secret("--oidc-client-secret-file", path)).transpose()?;
        let separated = self.oidc_scopes.split(|c: char| c == ',' || c.is_whitespace());
        Ok(Some(Settings {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
            client_secret: secret.map(Secret),
            scopes: separated.filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
            groups_claim: self.oidc_groups_claim.clone(),
            roles,
            name: name.to_owned(),
            ca: self.certificates()?,
            session: self.oidc_session,
            public: listen.public_url.iter().filter_map(|origin| Url::parse(&origin.to_string()).ok()).collect(),
        }))
    }

    fn certificates(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(path) = &self.oidc_ca else { return Ok(None) };
        let named = || format!("--oidc-ca {}", path.display());
        let bytes = fs::metadata(path).with_context(named)?.len();
        ensure!(bytes <= CA_BYTES, "{}: the file has {bytes} bytes; the limit is {CA_BYTES}", named());
        Ok(Some(fs::read(path).with_context(named)?))
    }
}

/// An issuer, as it was written.
fn issuer(text: &str) -> Result<String, String> {
    let text = text.trim();
    let url = Url::parse(text).map_err(|error| format!("{error}; write it as https://id.example.com"))?;
    if !is_safe(&url) {
        return Err("it has no TLS, and is another machine: everybody on the way could log in; use https".to_owned());
    }
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !is_plain || url.path().ends_with("/.well-known/openid-configuration") {
        return Err("write the issuer alone, without a user, a query, and /.well-known/openid-configuration".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Options {
        #[command(flatten)]
        oidc: OidcOptions,
        #[command(flatten)]
        listen: ListenOptions,
    }

    fn options(arguments: &[&str]) -> Result<Options, String> {
        let arguments = ["logboom"].iter().chain(arguments).copied();
        Options::try_parse_from(arguments).map_err(|error| error.to_string())
    }

    fn settings(arguments: &[&str]) -> Result<Option<Settings>, String> {
        let Options { oidc, listen } = options(arguments)?;
        oidc.build(&listen).map_err(|error| format!("{error:#}"))
    }

    const ISSUER: [&str; 4] = ["--oidc-issuer", "https://id.example/", "--oidc-client-id", "logboom"];

    #[test]
    fn it_is_off_without_an_issuer_and_takes_the_issuer_as_it_is() {
        assert!(settings(&[]).unwrap().is_none());
        let more =
            ["--oidc-role", "ops=admin", "--oidc-scopes", "openid, groups", "--public-url", "https://logs.example"];
        let settings = settings(&[&ISSUER[..], &more].concat()).unwrap().unwrap();
        assert_eq!((&*settings.issuer, &*settings.client_id), ("https://id.example/", "logboom"));
        assert_eq!(settings.scopes, ["openid", "groups"]);
        assert_eq!(settings.public[0].as_str(), "https://logs.example/");
        assert_eq!((&*settings.groups_claim, settings.session.as_secs()), ("groups", 12 * 3600));
    }

    #[test]
    fn what_cannot_be_is_refused_by_the_name_of_its_option() {
        for (arguments, part) in [
            (&["--oidc-issuer", "https://id.example"][..], "--oidc-client-id"),
            (&["--oidc-client-id", "logboom"][..], "--oidc-issuer"),
            (&["--oidc-issuer", "http://id.example", "--oidc-client-id", "a"][..], "use https"),
            (&["--oidc-issuer", "id.example", "--oidc-client-id", "a"][..], "https://id.example.com"),
            (&["--oidc-issuer", "https://id.example?a=b", "--oidc-client-id", "a"][..], "the issuer alone"),
            (&ISSUER[..], "--oidc-role"),
            (&[&ISSUER[..], &["--oidc-role", "ops=root"]].concat()[..], "GROUP=viewer"),
            (&[&ISSUER[..], &["--oidc-default-role", "admin"]].concat()[..], "may not be admin"),
            (&[&ISSUER[..], &["--oidc-role", "ops=admin", "--oidc-name", ""]].concat()[..], "--oidc-name"),
            (&[&ISSUER[..], &["--oidc-role", "ops=admin", "--oidc-session", "1s"]].concat()[..], "--oidc-session"),
            (&[&ISSUER[..], &["--oidc-role", "ops=admin", "--oidc-ca", "/none"]].concat()[..], "--oidc-ca"),
            (
                &[&ISSUER[..], &["--oidc-role", "ops=admin", "--oidc-client-secret-file", "/none"]].concat()[..],
                "--oidc-client-secret-file",
            ),
        ] {
            let Err(error) = settings(arguments) else { panic!("{arguments:?} is no error") };
            assert!(error.contains(part), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn rules_may_be_given_several_times() {
        let more = ["--oidc-role", "ops=admin", "--oidc-role", "CN=Dev,DC=example=viewer:service:shop"];
        let settings = settings(&[&ISSUER[..], &more].concat()).unwrap().unwrap();
        assert_eq!(settings.roles.of(&["CN=Dev,DC=example"]).unwrap().filter.as_deref(), Some("service:shop"));
        assert!(settings.roles.of(&["other"]).is_none());
    }
}
