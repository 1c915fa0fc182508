//! From the groups of a person to rights: the rules of `--oidc-role` and `--oidc-default-role`.

use std::str::FromStr;

use access::Role;
use model::Query;

/// A role, and for viewers a filter: `ROLE[:FILTER]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Right {
    pub(crate) role: Role,
    /// A query: the person sees only the records that match.
    pub(crate) filter: Option<String>,
}

impl FromStr for Right {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (role, filter) = match text.split_once(':') {
            Some((role, filter)) => (role, Some(filter.trim()).filter(|filter| !filter.is_empty())),
            None => (text, None),
        };
        let role: Role = role.trim().parse()?;
        let Some(filter) = filter else { return Ok(Self { role, filter: None }) };
        if role != Role::Viewer {
            return Err(format!("a filter is for the role viewer, and the role is {role}; leave the filter out"));
        }
        Query::parse(filter).map_err(|error| format!("the filter {filter:?}: {error}"))?;
        Ok(Self { role, filter: Some(filter.to_owned()) })
    }
}

/// What the members of a group may: `GROUP=ROLE[:FILTER]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoleRule {
    group: String,
    right: Right,
}

impl FromStr for RoleRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_role = |text: &str| text.split(':').next().is_some_and(|role| role.trim().parse::<Role>().is_ok());
        // The names of groups may have an equals sign, as in CN=Ops,DC=example,DC=com. So may a filter.
        let split = text.match_indices('=').find(|(at, _)| is_role(&text[at + 1..])).map(|(at, _)| at);
        let group = split.map(|at| text[..at].trim()).filter(|group| !group.is_empty());
        let (Some(group), Some(at)) = (group, split) else {
            return Err(format!(
                "{text:?} names no group and role; write GROUP=viewer, GROUP=editor, GROUP=admin or \
                 GROUP=viewer:FILTER, as in shop-team=viewer:service:shop"
            ));
        };
        Ok(Self { group: group.to_owned(), right: text[at + 1..].parse()? })
    }
}

/// All rules.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roles {
    rules: Vec<RoleRule>,
    /// For people without a group of a rule; without it they are not let in.
    default: Option<Right>,
}

impl Roles {
    pub(crate) fn new(rules: Vec<RoleRule>, default: Option<Right>) -> Self {
        Self { rules, default }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.default.is_none()
    }

    /// The filters, to check them.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &str> {
        let rights = self.rules.iter().map(|rule| &rule.right).chain(&self.default);
        rights.filter_map(|right| right.filter.as_deref())
    }

    /// The rights of somebody in these groups: the highest role. Of a viewer with several filters, a record is seen if
    /// one of them matches.
    pub(crate) fn of(&self, groups: &[&str]) -> Option<Right> {
        let matched = || self.rules.iter().filter(|rule| groups.contains(&rule.group.as_str())).map(|rule| &rule.right);
        for role in [Role::Admin, Role::Editor] {
            if matched().any(|right| right.role == role) {
                return Some(Right { role, filter: None });
            }
        }
        if matched().next().is_none() {
            return self.default.clone();
        }
        let mut filters: Vec<&str> = Vec::new();
        for right in matched() {
            match right.filter.as_deref() {
                None => return Some(Right { role: Role::Viewer, filter: None }),
                Some(filter) if filters.contains(&filter) => {}
                Some(filter) => filters.push(filter),
            }
        }
        let filter = match &filters[..] {
            [one] => (*one).to_owned(),
            several => several.iter().map(|filter| format!("({filter})")).collect::<Vec<_>>().join(" OR "),
        };
        Some(Right { role: Role::Viewer, filter: Some(filter) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(rules: &[&str], default: Option<&str>) -> Roles {
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        Roles::new(rules, default.map(|default| default.parse().unwrap()))
    }

    #[test]
    fn a_rule_has_a_group_a_role_and_for_viewers_a_filter() {
        for (text, group, role, filter) in [
            ("ops=admin", "ops", Role::Admin, None),
            (" dev team = editor ", "dev team", Role::Editor, None),
            ("shop=viewer:service:shop level>=warn", "shop", Role::Viewer, Some("service:shop level>=warn")),
            ("shop=viewer:", "shop", Role::Viewer, None),
            ("CN=Log Ops,DC=example,DC=com=admin", "CN=Log Ops,DC=example,DC=com", Role::Admin, None),
            ("a=viewer:team:\"b=c\"", "a", Role::Viewer, Some("team:\"b=c\"")),
            ("6f0c=viewer", "6f0c", Role::Viewer, None),
        ] {
            let rule: RoleRule = text.parse().unwrap();
            assert_eq!((&*rule.group, rule.right.role, rule.right.filter.as_deref()), (group, role, filter), "{text}");
        }
    }

    #[test]
    fn a_wrong_rule_is_refused_with_the_way_out() {
        for (text, part) in [
            ("ops", "GROUP=viewer"),
            ("ops=root", "GROUP=viewer"),
            ("=admin", "GROUP=viewer"),
            ("ops=admin:service:shop", "leave the filter out"),
            ("ops=viewer:level:(", "the filter \"level:(\""),
        ] {
            let error = text.parse::<RoleRule>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_highest_role_of_all_groups_counts_and_filters_add_up() {
        let rules = ["ops=admin", "dev=editor", "shop=viewer:service:shop", "pay=viewer:service:pay", "all=viewer"];
        let roles = roles(&rules, None);
        type Case<'a> = (&'a [&'a str], Option<(Role, Option<&'a str>)>);
        let cases: [Case<'_>; 7] = [
            (&["ops", "shop"], Some((Role::Admin, None))),
            (&["shop", "dev"], Some((Role::Editor, None))),
            (&["shop"], Some((Role::Viewer, Some("service:shop")))),
            (&["pay", "shop", "shop"], Some((Role::Viewer, Some("(service:shop) OR (service:pay)")))),
            (&["shop", "all"], Some((Role::Viewer, None))),
            (&["Ops", "other"], None),
            (&[], None),
        ];
        for (groups, expected) in cases {
            let right = roles.of(groups);
            let right = right.as_ref().map(|right| (right.role, right.filter.as_deref()));
            assert_eq!(right, expected, "{groups:?}");
        }
        Query::parse("(service:shop) OR (service:pay)").unwrap();
        assert_eq!(roles.filters().collect::<Vec<_>>(), ["service:shop", "service:pay"]);
    }

    #[test]
    fn the_default_role_is_for_people_without_a_group_of_a_rule() {
        let roles = roles(&["ops=admin"], Some("viewer:level>=info"));
        assert_eq!(roles.of(&["other"]).unwrap().filter.as_deref(), Some("level>=info"));
        assert_eq!(roles.of(&["other", "ops"]).unwrap().role, Role::Admin);
    }
}
