//! No circles between the files of a package.
//!
//! The graph has an edge from a file to each file of its package that it names, by `use` or by
//! a path such as `crate::store::search`. A path leads to the longest module that it begins
//! with; a name that this module has from another one leads there. Tests within a file are
//! left out.
//!
//! The rule:
//!
//! - Files that import each other, directly or over others, are a circle, and a circle fails.
//! - Between a module and the modules around it (`store/search/window.rs`, `store/search/mod.rs`
//!   and `store/mod.rs`) there are no edges in either direction. A parent names its children
//!   to put them together, and a child may use what its parent defines for all of them.
//! - So circles are found between siblings, and between files of different folders.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

/// A module by its path in its package: `["store", "search"]`; the root is empty.
type Module = Vec<String>;

/// The circles between these files of a package, each as the names of its modules.
pub(crate) fn circles(root: &Path, files: &[PathBuf]) -> Vec<Vec<String>> {
    let folder = root.parent().expect("a folder of sources");
    let files: BTreeMap<Module, &PathBuf> = files.iter().map(|file| (module(folder, root, file), file)).collect();
    let modules: BTreeSet<Module> = files.keys().cloned().collect();
    let sources: BTreeMap<&Module, String> = files
        .iter()
        .map(|(module, file)| (module, code(&fs::read_to_string(file).expect("a readable source file"))))
        .collect();
    let within = |paths: Vec<Vec<String>>, module: &Module| -> Vec<Vec<String>> {
        paths.iter().filter_map(|path| absolute(module, path, &modules)).collect()
    };
    let origins: BTreeMap<Vec<String>, Vec<String>> = sources
        .iter()
        .flat_map(|(module, source)| {
            within(imported(source), module).into_iter().map(|path| (held(module, &path), path))
        })
        .collect();
    let edges: BTreeMap<&Module, BTreeSet<Module>> = sources
        .iter()
        .map(|(module, source)| {
            let targets = within(named(source), module).into_iter().map(|path| target(path, &modules, &origins));
            let others = targets.filter(|target| !target.starts_with(module) && !module.starts_with(target));
            (*module, others.collect())
        })
        .collect();
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        files.keys().map(|module| (module, reachable(module, &edges))).collect();
    let mut circles = BTreeSet::new();
    for module in files.keys().filter(|module| reached[module].contains(module)) {
        let circle = reached[module].iter().filter(|other| reached[*other].contains(module));
        circles.insert(circle.map(|module| module.join("::")).collect());
    }
    circles.into_iter().collect()
}

/// All paths that a source names: those of `use`, and others of two names and more.
pub(crate) fn paths(source: &str) -> Vec<Vec<String>> {
    named(&code(source))
}

const IMPORTS: &str = r"\buse\s+([^;]+);";

fn named(code: &str) -> Vec<Vec<String>> {
    let inline = Regex::new(r"\b(?:\w+::)+\w+").expect("a pattern");
    let rest = Regex::new(IMPORTS).expect("a pattern").replace_all(code, "").into_owned();
    let inline = inline.find_iter(&rest).map(|path| path.as_str().split("::").map(str::to_owned).collect());
    imported(code).into_iter().chain(inline).collect()
}

/// The paths of `use`.
fn imported(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for import in Regex::new(IMPORTS).expect("a pattern").captures_iter(code) {
        expand(&[], &import[1], &mut paths);
    }
    paths
}

/// The source without comments, and without the tests at its end.
fn code(source: &str) -> String {
    let tests = Regex::new(r"#\[cfg\(test\)\]\s*mod \w+ \{").expect("a pattern");
    let source = tests.find(source).map_or(source, |tests| &source[..tests.start()]);
    let lines = source.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    lines.collect::<Vec<_>>().join("\n")
}

/// Adds the paths of a tree such as `crate::{store::Store, wal}`.
fn expand(before: &[String], tree: &str, paths: &mut Vec<Vec<String>>) {
    let names = |text: &str| -> Vec<String> {
        text.split("::").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let Some((head, branches)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree);
        paths.push([before, &names(path)].concat());
        return;
    };
    let before = [before, &names(head)].concat();
    let (mut depth, mut branch) = (0, String::new());
    for letter in branches.chars() {
        match letter {
            ',' if depth == 0 => expand(&before, &std::mem::take(&mut branch), paths),
            '}' if depth == 0 => break,
            _ => {
                depth += i32::from(letter == '{') - i32::from(letter == '}');
                branch.push(letter);
            }
        }
    }
    if !branch.trim().is_empty() {
        expand(&before, &branch, paths);
    }
}

fn module(folder: &Path, root: &Path, file: &Path) -> Module {
    if file == root {
        return Module::new();
    }
    let path = file.strip_prefix(folder).expect("a file of the folder").with_extension("");
    let mut names: Module = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

/// A path of a module from the root of its package on; `None` where it leads out of it.
fn absolute(module: &Module, path: &[String], modules: &BTreeSet<Module>) -> Option<Vec<String>> {
    let mut names = path.iter().map(String::as_str).peekable();
    let mut absolute = match *names.peek()? {
        "crate" => {
            names.next();
            Module::new()
        }
        "self" | "super" => {
            names.next_if_eq(&"self");
            let mut absolute = module.clone();
            while names.next_if_eq(&"super").is_some() {
                absolute.pop();
            }
            absolute
        }
        child => modules.contains(&[&module[..], &[child.to_owned()]].concat()).then(|| module.clone())?,
    };
    absolute.extend(names.map(str::to_owned));
    Some(absolute)
}

/// The path by which others reach what a module imports by this path.
fn held(module: &Module, path: &[String]) -> Vec<String> {
    module.iter().chain(path.last()).cloned().collect()
}

/// The module that a path leads to.
fn target(mut path: Vec<String>, modules: &BTreeSet<Module>, origins: &BTreeMap<Vec<String>, Vec<String>>) -> Module {
    // A name goes through few modules, and two that have it from each other are no end.
    const MOST_STEPS: usize = 8;
    for _ in 0..MOST_STEPS {
        let length = (0..=path.len()).rev().find(|length| modules.contains(&path[..*length])).unwrap_or_default();
        match path.get(..=length).and_then(|name| origins.get(name)) {
            Some(origin) if !path.starts_with(origin) => path = [&origin[..], &path[length + 1..]].concat(),
            _ => {
                path.truncate(length);
                return path;
            }
        }
    }
    Module::new()
}

/// All modules that can be reached over one edge and more.
fn reachable<'a>(from: &Module, edges: &'a BTreeMap<&Module, BTreeSet<Module>>) -> BTreeSet<&'a Module> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(module) = next.pop() {
        for target in &edges[module] {
            if reached.insert(target) {
                next.push(target);
            }
        }
    }
    reached
}

#[test]
fn circles_are_found_between_siblings_and_not_with_parents() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, source: &str| {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(&file, source).expect("a source file");
        file
    };
    let root = write("lib.rs", "mod a; mod b; use a::A; pub use b::Other;");
    let files = [
        root.clone(),
        write("a.rs", "use crate::{b::{self, inner::{One, Two as Three}}, Root};"),
        write("b/mod.rs", "mod inner; mod other; use self::inner::One; pub use other::Other;"),
        write("b/inner.rs", "use super::Shared; // use crate::a::A;\nfn f() { super::other::call() }"),
        write("b/other.rs", "use crate::b::Shared;\n#[cfg(test)]\nmod tests { use super::super::inner::One; }"),
    ];
    let none: [[&str; 0]; 0] = [];
    assert_eq!(circles(&root, &files), none);
    write("b/other.rs", "fn f() { crate::a::call() }");
    assert_eq!(circles(&root, &files), [["a", "b::inner", "b::other"]]);
    // By a name that goes through two other modules.
    write("b/other.rs", "use super::inner::One;");
    write("b/inner.rs", "use crate::Other;");
    assert_eq!(circles(&root, &files), [["b::inner", "b::other"]]);
}
