//! `logboom anonymous`: shows and changes the networks that may write without a key.

use std::io::Write as _;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use model::access_views::AnonymousView;
use reqwest::Method;
use serde_json::json;

use super::{
    listing::{self, ListOptions},
    place::{Api, Place},
    printable,
};

/// Actions on the networks.
#[derive(Debug, Args)]
pub(crate) struct AnonymousOptions {
    #[command(subcommand)]
    pub command: AnonymousCommand,
}

/// The actions.
#[derive(Debug, Subcommand)]
pub(crate) enum AnonymousCommand {
    /// List the networks that may write without a key, and the rules of --anonymous.
    List(ListOptions),
    /// Let these networks write without a key, and no others but those of --anonymous.
    Set(SetOptions),
    /// Let no network write without a key but those of --anonymous.
    Clear(ClearOptions),
}

/// The networks to let in.
#[derive(Debug, Args)]
pub(crate) struct SetOptions {
    /// The networks, such as 10.0.0.0/8, or 10.0.0.7 for one address.
    #[arg(value_name = "CIDR", required = true)]
    pub networks: Vec<String>,

    #[command(flatten)]
    pub place: Place,
}

/// The place whose networks are removed.
#[derive(Debug, Args)]
pub(crate) struct ClearOptions {
    #[command(flatten)]
    pub place: Place,
}

/// # Errors
/// The place cannot be reached, or refuses the call.
pub(crate) async fn run(options: &AnonymousOptions) -> anyhow::Result<()> {
    match &options.command {
        AnonymousCommand::List(options) => {
            let view: AnonymousView = options.place.open().await?.get(&["anonymous"]).await?;
            if options.json {
                return listing::print(&[view], true, |_| String::new());
            }
            listing::print(&rules(&view), false, String::clone)
        }
        AnonymousCommand::Set(options) => print(&set(&options.place.open().await?, &options.networks).await?),
        AnonymousCommand::Clear(options) => print(&set(&options.place.open().await?, &[]).await?),
    }
}

async fn set(api: &Api, networks: &[String]) -> anyhow::Result<AnonymousView> {
    let answer = api.call(Method::PUT, &["anonymous"], Some(&json!({ "write": networks }))).await?;
    serde_json::from_slice(&answer).context("the answer is none of Logboom's API; check the address")
}

/// Prints who may write from now on.
fn print(view: &AnonymousView) -> anyhow::Result<()> {
    let text = match &view.write[..] {
        [] => "every sender needs a key".to_owned(),
        networks => format!("without a key may write: {}", printable::field(&networks.join(", "))),
    };
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// The rules as `--anonymous` takes them.
fn rules(view: &AnonymousView) -> Vec<String> {
    let stored = view.write.iter().map(|network| format!("write={}", printable::field(network)));
    let given = view.options.iter().map(|rule| format!("{}\tby --anonymous", printable::field(rule)));
    stored.chain(given).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{client::Refused, place::tests::used_folder};

    #[test]
    fn a_rule_is_one_line_without_controls() {
        let view = AnonymousView { write: vec!["10.0.0.0/8".to_owned()], options: vec!["read=::1/128\n".to_owned()] };
        assert_eq!(rules(&view), ["write=10.0.0.0/8", "read=::1/128\\n\tby --anonymous"]);
    }

    #[tokio::test]
    async fn networks_are_set_and_cleared_while_no_server_runs() {
        let (_data, place) = used_folder().await;
        let api = place.open().await.unwrap();
        let view = set(&api, &["10.1.2.3/8".to_owned()]).await.unwrap();
        assert_eq!(rules(&view), ["write=10.0.0.0/8"]);
        let error = set(&api, &["everybody".to_owned()]).await.unwrap_err();
        assert_eq!(error.downcast_ref::<Refused>().unwrap().status.as_u16(), 400, "{error}");
        assert_eq!(api.get::<AnonymousView>(&["anonymous"]).await.unwrap(), view);
        assert_eq!(set(&api, &[]).await.unwrap(), AnonymousView::default());
    }
}
