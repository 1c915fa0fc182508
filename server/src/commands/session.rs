//! `logboom session`: lists and revokes the sessions of people who are logged in.

use std::io::Write as _;

use clap::{Args, Subcommand};
use model::access_views::SessionView;
use reqwest::Method;

use super::{
    listing::{self, ListOptions, to_second},
    place::Place,
    printable,
};

/// Actions on sessions.
#[derive(Debug, Args)]
pub(crate) struct SessionOptions {
    #[command(subcommand)]
    pub command: SessionCommand,
}

/// The actions.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// List the sessions, newest first: id, user, address, begin, last use and browser.
    List(ListOptions),
    /// End a session: the browser has to log in again.
    Revoke(RevokeOptions),
}

/// The session to end.
#[derive(Debug, Args)]
pub(crate) struct RevokeOptions {
    /// The id, as listed by `logboom session list`.
    #[arg(value_name = "ID")]
    pub id: String,

    #[command(flatten)]
    pub place: Place,
}

/// # Errors
/// The place cannot be reached, or refuses the call.
pub(crate) async fn run(options: &SessionOptions) -> anyhow::Result<()> {
    match &options.command {
        SessionCommand::List(options) => list(options).await,
        SessionCommand::Revoke(options) => {
            options.place.open().await?.call(Method::DELETE, &["sessions", &options.id], None).await?;
            writeln!(std::io::stdout(), "{}: revoked", printable::field(&options.id))?;
            Ok(())
        }
    }
}

async fn list(options: &ListOptions) -> anyhow::Result<()> {
    let sessions: Vec<SessionView> = options.place.open().await?.get(&["sessions"]).await?;
    listing::print(&sessions, options.json, row)
}

/// A session as fields between tabs.
fn row(session: &SessionView) -> String {
    let fields = [
        session.id.clone(),
        session.user.clone(),
        session.address.clone(),
        format!("since {}", to_second(&session.created)),
        format!("used {}", to_second(&session.last_used)),
        session.agent.clone(),
    ];
    fields.each_ref().map(|text| printable::field(text)).join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_one_line_without_controls() {
        let session = SessionView {
            id: "ab12".to_owned(),
            user: "kim".to_owned(),
            address: "10.0.0.1".to_owned(),
            agent: "Browser\n\x07".to_owned(),
            created: "2026-11-19T14:00:00.123Z".to_owned(),
            last_used: "2026-11-19T15:00:00Z".to_owned(),
            current: false,
        };
        assert_eq!(
            row(&session),
            "ab12\tkim\t10.0.0.1\tsince 2026-11-19T14:00:00Z\tused 2026-11-19T15:00:00Z\tBrowser\\n\\u{7}"
        );
    }
}
