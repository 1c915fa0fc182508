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
//! - There is no edge from a module to the modules below it (`store/mod.rs`, `store/search/mod.rs`
//!   and `store/search/window.rs`): a parent names its children to put them together.
//! - There is one from a child to its parent, whose definitions it may use. So two files of a folder,
//!   or of two folders, may not import each other, nor may a parent import what imports a child of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::paths::{Import, code, imported, named};

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
            let held = |import: Import| Some((child(module, &import.name), absolute(module, &import.path, &modules)?));
            imported(source).into_iter().filter_map(held).collect::<Vec<_>>()
        })
        .collect();
    let edges: BTreeMap<&Module, BTreeSet<Module>> = sources
        .iter()
        .map(|(module, source)| {
            let targets = within(named(source), module).into_iter().map(|path| target(path, &modules, &origins));
            (*module, targets.filter(|target| !target.starts_with(module)).collect())
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
        first => modules.contains(&child(module, first)).then(|| module.clone())?,
    };
    absolute.extend(names.map(str::to_owned));
    Some(absolute)
}

/// The path of a name within a module.
fn child(module: &Module, name: &str) -> Vec<String> {
    module.iter().cloned().chain([name.to_owned()]).collect()
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
fn circles_are_found_between_siblings_and_over_parents() {
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
    // A parent may import a file that imports none of its children, and only such a file.
    write("b/mod.rs", "mod inner; mod other; use crate::a::A;");
    write("b/inner.rs", "use super::Shared;");
    write("b/other.rs", "");
    write("a.rs", "use crate::Root;");
    assert_eq!(circles(&root, &files), none);
    write("a.rs", "use crate::b::inner::One;");
    assert_eq!(circles(&root, &files), [["a", "b", "b::inner"]]);
}
