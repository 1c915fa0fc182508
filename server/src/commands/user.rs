//! `logboom user`: adds, lists, changes and removes people.

use std::io::Write as _;

use anyhow::bail;
use clap::{Args, Subcommand};
use model::access_views::UserView;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    listing::{self, ListOptions, to_second},
    password::PasswordSource,
    place::{Api, Place},
    printable,
};

const ROLES: [&str; 3] = ["viewer", "editor", "admin"];

/// Actions on users.
#[derive(Debug, Args)]
pub(crate) struct UserOptions {
    #[command(subcommand)]
    pub command: UserCommand,
}

/// The actions.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user. Without --password-file and --password-stdin, the password is asked for on the terminal.
    Add(Box<AddOptions>),
    /// List the users: name, role, filter and hidden fields, and since when.
    List(ListOptions),
    /// Set a new password. The sessions of the user end.
    Password(PasswordOptions),
    /// Change the role, the filter or the hidden fields of a user. The sessions of the user end.
    Change(Box<ChangeOptions>),
    /// Remove a user. The sessions of the user end.
    Remove(RemoveOptions),
}

/// The user to add.
#[derive(Debug, Args)]
pub(crate) struct AddOptions {
    /// The name to log in with.
    #[arg(value_name = "NAME")]
    pub name: String,

    /// viewer: read. editor: also saved views, replays, pauses of sinks, export and import. admin: everything.
    #[arg(long, value_name = "ROLE", value_parser = ROLES)]
    pub role: String,

    /// The only records that the user reads, such as 'service:shop'.
    #[arg(long, value_name = "QUERY")]
    pub filter: Option<String>,

    /// A field that the user does not see; may be given several times.
    #[arg(long = "hide", value_name = "FIELD")]
    pub hidden: Vec<String>,

    #[command(flatten)]
    pub password: PasswordSource,

    #[command(flatten)]
    pub place: Place,
}

/// The user who gets a new password.
#[derive(Debug, Args)]
pub(crate) struct PasswordOptions {
    /// The name, as listed by `logboom user list`.
    #[arg(value_name = "NAME")]
    pub name: String,

    #[command(flatten)]
    pub password: PasswordSource,

    #[command(flatten)]
    pub place: Place,
}

/// What changes of a user; the rest stays.
#[derive(Debug, Args)]
pub(crate) struct ChangeOptions {
    /// The name, as listed by `logboom user list`.
    #[arg(value_name = "NAME")]
    pub name: String,

    /// The new role.
    #[arg(long, value_name = "ROLE", value_parser = ROLES)]
    pub role: Option<String>,

    /// The only records that the user reads.
    #[arg(long, value_name = "QUERY", conflicts_with = "no_filter")]
    pub filter: Option<String>,

    /// Take the filter away.
    #[arg(long)]
    pub no_filter: bool,

    /// A field that the user does not see, instead of those before; may be given several times.
    #[arg(long = "hide", value_name = "FIELD", conflicts_with = "hide_nothing")]
    pub hidden: Vec<String>,

    /// Hide no fields any more.
    #[arg(long)]
    pub hide_nothing: bool,

    #[command(flatten)]
    pub place: Place,
}

/// The user to remove.
#[derive(Debug, Args)]
pub(crate) struct RemoveOptions {
    /// The name, as listed by `logboom user list`.
    #[arg(value_name = "NAME")]
    pub name: String,

    #[command(flatten)]
    pub place: Place,
}

/// # Errors
/// The place cannot be reached, or refuses the call; there is no password.
pub(crate) async fn run(options: &UserOptions) -> anyhow::Result<()> {
    // Before a password is asked for.
    let api = options.command.place().open().await?;
    act(&api, &options.command).await
}

async fn act(api: &Api, command: &UserCommand) -> anyhow::Result<()> {
    let (name, done) = match command {
        UserCommand::List(options) => return list(api, options).await,
        UserCommand::Add(options) => {
            let body = options.body(&options.password.read().await?);
            api.call(Method::POST, &["users"], Some(&body)).await?;
            (&options.name, "added")
        }
        UserCommand::Password(options) => {
            let body = json!({ "password": options.password.read().await? });
            api.call(Method::PATCH, &["users", &options.name], Some(&body)).await?;
            (&options.name, "has a new password")
        }
        UserCommand::Change(options) => {
            api.call(Method::PATCH, &["users", &options.name], Some(&options.body()?)).await?;
            (&options.name, "changed")
        }
        UserCommand::Remove(options) => {
            api.call(Method::DELETE, &["users", &options.name], None).await?;
            (&options.name, "removed")
        }
    };
    writeln!(std::io::stdout(), "{}: {done}", printable::field(name))?;
    Ok(())
}

impl UserCommand {
    fn place(&self) -> &Place {
        match self {
            Self::Add(options) => &options.place,
            Self::List(options) => &options.place,
            Self::Password(options) => &options.place,
            Self::Change(options) => &options.place,
            Self::Remove(options) => &options.place,
        }
    }
}

impl AddOptions {
    fn body(&self, password: &str) -> Value {
        json!({
            "name": self.name, "password": password, "role": self.role, "filter": self.filter, "hidden": self.hidden,
        })
    }
}

impl ChangeOptions {
    fn body(&self) -> anyhow::Result<Value> {
        let mut body = json!({});
        if let Some(role) = &self.role {
            body["role"] = json!(role);
        }
        if self.no_filter || self.filter.is_some() {
            body["filter"] = json!(self.filter);
        }
        if self.hide_nothing || !self.hidden.is_empty() {
            body["hidden"] = json!(self.hidden);
        }
        if body == json!({}) {
            bail!("nothing changes; give some of --role, --filter, --no-filter, --hide and --hide-nothing");
        }
        Ok(body)
    }
}

async fn list(api: &Api, options: &ListOptions) -> anyhow::Result<()> {
    let users: Vec<UserView> = api.get(&["users"]).await?;
    listing::print(&users, options.json, row)
}

/// A user as fields between tabs.
fn row(user: &UserView) -> String {
    let mut terms = vec![user.role.clone()];
    terms.extend(user.filter.iter().map(|filter| format!("filter {filter}")));
    terms.extend(user.hidden.iter().map(|field| format!("hide {field}")));
    let name = match &user.external {
        Some(external) => format!("{} ({} at {})", user.name, external.label, external.issuer),
        None => user.name.clone(),
    };
    let fields = [name, terms.join(", "), format!("since {}", to_second(&user.created))];
    fields.each_ref().map(|text| printable::field(text)).join("\t")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use model::access_views::ExternalView;

    use super::*;
    use crate::{
        commands::{client::Refused, place::tests::used_folder},
        config::{Cli, Command},
    };

    fn change(line: &str) -> Result<Value, String> {
        let cli = Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        match cli.into_command() {
            Command::User(options) => match options.command {
                UserCommand::Change(options) => options.body().map_err(|error| error.to_string()),
                other => Err(format!("{other:?}")),
            },
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn only_what_is_given_changes() {
        for (options, body) in [
            ("--role viewer", json!({ "role": "viewer" })),
            ("--filter level:error", json!({ "filter": "level:error" })),
            ("--no-filter --hide-nothing", json!({ "filter": null, "hidden": [] })),
            ("--hide a --hide b", json!({ "hidden": ["a", "b"] })),
        ] {
            assert_eq!(change(&format!("logboom user change kim {options}")).unwrap(), body, "{options}");
        }
        for (options, part) in [
            ("", "nothing changes"),
            (" --role root", "viewer, editor, admin"),
            (" --filter a --no-filter", "--no-filter"),
            (" --hide a --hide-nothing", "--hide-nothing"),
        ] {
            let error = change(&format!("logboom user change kim{options}")).unwrap_err();
            assert!(error.contains(part), "{options}: {error}");
        }
    }

    #[test]
    fn a_password_is_no_flag() {
        for option in ["--password", "--password=s3cret-s3cret"] {
            let line = ["logboom", "user", "add", "kim", "--role", "admin", option, "x"];
            assert!(Cli::try_parse_from(line).is_err(), "{option}");
        }
    }

    #[test]
    fn a_user_is_one_line_without_controls() {
        let user = UserView {
            name: "kim\n".to_owned(),
            role: "viewer".to_owned(),
            filter: Some("service:shop".to_owned()),
            hidden: vec!["user\t".to_owned()],
            created: "2026-11-19T14:00:00.5Z".to_owned(),
            external: None,
        };
        assert_eq!(row(&user), "kim\\n\tviewer, filter service:shop, hide user\\t\tsince 2026-11-19T14:00:00Z");
        let [label, issuer, subject] = ["lee@id.example", "https://id.example", "1"].map(str::to_owned);
        let external = Some(ExternalView { label, issuer, subject });
        let user = UserView { name: "oidc:1".to_owned(), hidden: Vec::new(), external, ..user };
        assert!(row(&user).starts_with("oidc:1 (lee@id.example at https://id.example)\tviewer"), "{}", row(&user));
    }

    #[tokio::test]
    async fn the_first_admin_is_made_while_no_server_runs() {
        let (data, place) = used_folder().await;
        let file = data.path().join("password");
        std::fs::write(&file, "correct horse battery\n").unwrap();
        let password = PasswordSource { password_file: Some(file), password_stdin: false };
        let add = |name: &str, role: &str| AddOptions {
            name: name.to_owned(),
            role: role.to_owned(),
            filter: None,
            hidden: Vec::new(),
            password: password.clone(),
            place: place.clone(),
        };
        let api = place.open().await.unwrap();
        act(&api, &UserCommand::Add(Box::new(add("kim", "admin")))).await.unwrap();
        act(&api, &UserCommand::Add(Box::new(add("lee", "viewer")))).await.unwrap();
        let lee = ChangeOptions {
            name: "lee".to_owned(),
            role: None,
            filter: Some("service:shop".to_owned()),
            no_filter: false,
            hidden: Vec::new(),
            hide_nothing: false,
            place: place.clone(),
        };
        act(&api, &UserCommand::Change(Box::new(lee))).await.unwrap();
        let users: Vec<UserView> = api.get(&["users"]).await.unwrap();
        let found: Vec<_> = users.iter().map(|user| (&*user.name, &*user.role, user.filter.as_deref())).collect();
        assert_eq!(found, [("kim", "admin", None), ("lee", "viewer", Some("service:shop"))]);
        let kim = RemoveOptions { name: "kim".to_owned(), place: place.clone() };
        let error = act(&api, &UserCommand::Remove(kim)).await.unwrap_err();
        assert_eq!(error.downcast_ref::<Refused>().unwrap().status.as_u16(), 409, "{error}");
    }
}
