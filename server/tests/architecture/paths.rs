//! The paths that a source file names, without its comments and the tests at its end.

use std::collections::BTreeMap;

use regex::Regex;

const IMPORTS: &str = r"\buse\s+([^;]+);";
/// A name goes through few imports, and two that lead to each other are no end.
const MOST_STEPS: usize = 8;

/// What one `use` brings into a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    /// The name in the file: the last one of the path, or the one after `as`.
    pub(crate) name: String,
    pub(crate) path: Vec<String>,
}

/// The paths of `use`, and others of two names and more, as they are written.
pub(crate) fn named(code: &str) -> Vec<Vec<String>> {
    let inline = Regex::new(r"\b(?:\w+::)+\w+").expect("a pattern");
    let rest = Regex::new(IMPORTS).expect("a pattern").replace_all(code, "").into_owned();
    let inline = inline.find_iter(&rest).map(|path| path.as_str().split("::").map(str::to_owned).collect());
    imported(code).into_iter().map(|import| import.path).chain(inline).collect()
}

/// As [`named`]. A path that begins with an imported name begins with the path of that import instead.
pub(crate) fn resolved(source: &str) -> Vec<Vec<String>> {
    let code = code(source);
    let origins: BTreeMap<String, Vec<String>> =
        imported(&code).into_iter().map(|import| (import.name, import.path)).collect();
    named(&code).into_iter().map(|path| resolve(path, &origins)).collect()
}

fn resolve(mut path: Vec<String>, origins: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    for _ in 0..MOST_STEPS {
        match path.first().and_then(|first| origins.get(first)) {
            Some(origin) if origin.first() != path.first() => path = [&origin[..], &path[1..]].concat(),
            _ => break,
        }
    }
    path
}

pub(crate) fn imported(code: &str) -> Vec<Import> {
    let mut imports = Vec::new();
    for import in Regex::new(IMPORTS).expect("a pattern").captures_iter(code) {
        expand(&[], &import[1], &mut imports);
    }
    imports
}

/// The source without comments, and without the tests at its end.
pub(crate) fn code(source: &str) -> String {
    let tests = Regex::new(r"#\[cfg\(test\)\]\s*mod \w+ \{").expect("a pattern");
    let source = tests.find(source).map_or(source, |tests| &source[..tests.start()]);
    let lines = source.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    lines.collect::<Vec<_>>().join("\n")
}

/// Adds the imports of a tree such as `crate::{store::Store, wal}`.
fn expand(before: &[String], tree: &str, imports: &mut Vec<Import>) {
    let names = |text: &str| -> Vec<String> {
        text.split("::").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let Some((head, branches)) = tree.split_once('{') else {
        let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias)));
        let mut path = [before, &names(path)].concat();
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = alias.map(|alias| alias.trim().to_owned()).or_else(|| path.last().cloned());
        imports.extend(name.map(|name| Import { name, path }));
        return;
    };
    let before = [before, &names(head)].concat();
    let (mut depth, mut branch) = (0, String::new());
    for letter in branches.chars() {
        match letter {
            ',' if depth == 0 => expand(&before, &std::mem::take(&mut branch), imports),
            '}' if depth == 0 => break,
            _ => {
                depth += i32::from(letter == '{') - i32::from(letter == '}');
                branch.push(letter);
            }
        }
    }
    if !branch.trim().is_empty() {
        expand(&before, &branch, imports);
    }
}

#[test]
fn paths_are_resolved_by_the_imports_of_the_file() {
    let cases: [(&str, &[&str]); 6] = [
        ("use a::{b::{self, C as D}, *};", &["a::b", "a::b::C", "a::*"]),
        ("use a::b; fn f() { b::call() }", &["a::b", "a::b::call"]),
        ("use a as b;\nfn f(x: b::X) {}", &["a", "a::X"]),
        ("use a::b as c;\nuse c::D as E;\nfn f() { E::call() }", &["a::b", "a::b::D", "a::b::D::call"]),
        ("use a::a; fn f() { a::b() } // a::comment", &["a::a", "a::b"]),
        ("fn f() { a::b() }\n#[cfg(test)]\nmod tests { use a::c; }", &["a::b"]),
    ];
    for (source, expected) in cases {
        let found: Vec<String> = resolved(source).iter().map(|path| path.join("::")).collect();
        assert_eq!(found, expected, "{source}");
    }
    // Two names that lead to each other.
    assert_eq!(resolved("use a::b; use b::a;").len(), 2);
}
