//! Keeps the rules of who may import whom (see `ARCHITECTURE.md`).
//!
//! What is read is the workspace's own `cargo metadata`, so a forbidden edge fails here
//! at once, and not in a review. Dependencies of tests are held to the same rules, save
//! that tests may use `testkit` and, through it, every engine's real servers.

#[path = "architecture/cycles.rs"]
mod cycles;
#[path = "architecture/names.rs"]
mod names;
#[path = "architecture/paths.rs"]
mod paths;
#[path = "architecture/secrets.rs"]
mod secrets;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Each package of the workspace and the packages of it that it may import.
const MAY_IMPORT: [(&str, &[&str]); 21] = [
    ("wire", &[]),
    ("model", &[]),
    ("app", &["model"]),
    ("hydrate", &["app"]),
    ("pipeline", &["model", "wire"]),
    ("doors", &["model", "pipeline"]),
    // Destinations of followers and their protocols.
    ("sinks", &["model", "pipeline", "wire"]),
    // Questions to the store. It knows no transport and no page.
    ("reading", &["model", "pipeline"]),
    // Who calls, and what a caller may. Of a transport it knows the heads of HTTP calls alone.
    ("access", &["model", "pipeline"]),
    ("crash-points", &[]),
    // Bytes that say what is in a block of records. It knows no store and no port.
    ("indexes", &["model"]),
    // The file format: what is in a file, and nothing of when one is written.
    ("parts", &["crash-points", "model", "pipeline"]),
    // Days as files in a folder or a bucket.
    ("archive", &["model", "parts", "pipeline"]),
    ("engine-embedded", &["crash-points", "model", "parts", "pipeline"]),
    ("engine-rabbitmq", &["model", "pipeline"]),
    ("engine-timescale", &["indexes", "model", "pipeline"]),
    ("testkit", &["model", "pipeline"]),
    // What reads bytes of others and of the disk.
    ("fuzz-targets", &["access", "doors", "engine-embedded", "model", "parts", "pipeline"]),
    // A black box: it knows the wire and the model, and nothing of the server.
    ("loadgen", &["model", "wire"]),
    // A client of others' programs: it knows the wire alone.
    ("logboom-tracing", &["wire"]),
    (
        "server",
        &[
            "access",
            "app",
            "archive",
            "doors",
            "engine-embedded",
            "engine-rabbitmq",
            "engine-timescale",
            "model",
            "pipeline",
            "reading",
            "sinks",
            "wire",
        ],
    ),
];

/// Packages that the tests of another may import too: what a sink sends is read back by the decoders.
const FOR_TESTS: [(&str, &str); 1] = [("sinks", "doors")];

/// Crates that only the packages named with them may import.
const ONLY_IN: [(&str, &[&str]); 6] = [
    ("object_store", &["archive"]),
    ("lapin", &["engine-rabbitmq"]),
    // The store keeps Parquet, and an export may be Parquet.
    ("parquet", &["engine-embedded", "parts", "server"]),
    ("arrow-array", &["engine-embedded", "parts", "server"]),
    // PostgreSQL in one engine, SQLite in the other.
    ("sqlx", &["engine-embedded", "engine-timescale"]),
    ("wasm-bindgen", &["app", "hydrate"]),
];

/// Crates with I/O, a clock or randomness: none of them in `model`, which compiles to
/// WebAssembly and has to give the same answer everywhere.
const NOT_IN_MODEL: [&str; 7] = ["tokio", "futures", "rand", "getrandom", "uuid", "reqwest", "web-sys"];

/// The kinds of targets whose files are the package's own code.
const SOURCES: [&str; 4] = ["lib", "rlib", "cdylib", "bin"];

/// The most lines of a source file, and of nine in ten.
const MOST_LINES: usize = 500;
const MOST_LINES_OF_NINE_IN_TEN: usize = 350;

/// The folders of a package that hold sources.
const FOLDERS: [&str; 4] = ["src", "tests", "benches", "proto"];

/// What one package says of itself.
struct Package {
    dependencies: Vec<Dependency>,
    /// The folder of its manifest.
    folder: PathBuf,
    /// The files that its library and its programs begin with.
    roots: Vec<PathBuf>,
}

struct Dependency {
    name: String,
    for_tests: bool,
    features: Vec<String>,
}

#[test]
fn packages_import_only_what_the_architecture_allows() {
    let packages = workspace();
    let allowed: BTreeMap<_, _> = MAY_IMPORT.into_iter().collect();
    let known: Vec<_> = allowed.keys().copied().collect();
    let found: Vec<_> = packages.keys().map(String::as_str).collect();
    assert_eq!(found, known, "a package is new or gone: say in MAY_IMPORT what it may import");

    for (name, package) in &packages {
        for dependency in &package.dependencies {
            let import = dependency.name.as_str();
            let for_tests =
                dependency.for_tests && (import == "testkit" || FOR_TESTS.contains(&(name.as_str(), import)));
            assert!(
                !packages.contains_key(import) || for_tests || allowed[name.as_str()].contains(&import),
                "{name} must not import {import}"
            );
        }
    }
}

#[test]
fn each_technology_stays_in_its_package() {
    for (name, package) in &workspace() {
        for dependency in &package.dependencies {
            let only = ONLY_IN.iter().find(|(import, _)| *import == dependency.name);
            // The test kit starts real servers, and asks them whether they are ready.
            let excused = dependency.for_tests || name == "testkit";
            assert!(
                excused || only.is_none_or(|(_, owners)| owners.contains(&name.as_str())),
                "{name} must not import {}",
                dependency.name
            );
        }
    }
}

/// The sources below a folder, without those that are tests alone: a test may hold any port.
fn program_texts(server: &Path, folder: &str) -> impl Iterator<Item = (String, String)> {
    let is_test =
        |file: &str| file.ends_with("/tests.rs") || file.ends_with("_tests.rs") || file.ends_with("/panics.rs");
    texts(server, folder).into_iter().filter(move |(file, _)| !is_test(file))
}

#[test]
fn sources_name_only_what_the_rules_allow() {
    let server = Path::new(env!("CARGO_MANIFEST_DIR"));
    for rule in &names::RULES {
        for (file, source) in rule.folders.iter().flat_map(|folder| program_texts(server, folder)) {
            let broken = rule.broken_by(&file, &source);
            assert!(broken.is_empty(), "{file} must not name {broken:?}: {}", rule.reason);
        }
        for (file, name) in rule.but {
            let source = fs::read_to_string(server.join(file)).expect("the file of an exception");
            assert!(rule.forbids(name, &source), "{file} does not name {name} any more: remove the exception");
        }
    }
}

#[test]
fn sources_call_only_what_the_rules_allow() {
    let server = Path::new(env!("CARGO_MANIFEST_DIR"));
    for calls in &names::CALLS {
        for (file, source) in calls.folders.iter().flat_map(|folder| program_texts(server, folder)) {
            let made = calls.made_in(&source);
            assert!(made.is_empty(), "{file} must not call {made:?}: {}", calls.reason);
        }
    }
}

#[test]
fn no_files_of_a_package_import_each_other() {
    for (name, package) in &workspace() {
        for root in &package.roots {
            let mut files = rust_files(root.parent().expect("a folder"));
            files.retain(|file| file == root || !package.roots.contains(file));
            let circles = cycles::circles(root, &files);
            assert!(circles.is_empty(), "{name}: these files import each other: {circles:?}");
        }
    }
}

#[test]
fn files_are_short() {
    let mut lengths: Vec<(usize, PathBuf)> = workspace()
        .values()
        .flat_map(sources)
        .map(|file| (fs::read_to_string(&file).expect("a readable source file").lines().count(), file))
        .collect();
    lengths.sort_unstable();
    let (longest, file) = lengths.last().expect("some files");
    assert!(*longest <= MOST_LINES, "{} has {longest} lines; split it by role", file.display());
    let (ninth, _) = lengths[lengths.len() * 9 / 10];
    assert!(ninth <= MOST_LINES_OF_NINE_IN_TEN, "one file in ten has more than {ninth} lines");
}

#[test]
fn the_model_has_no_io_no_clock_and_no_randomness() {
    let packages = workspace();
    for dependency in packages["model"].dependencies.iter().filter(|dependency| !dependency.for_tests) {
        let name = dependency.name.as_str();
        assert!(!NOT_IN_MODEL.contains(&name), "model must not import {name}");
        let clock = dependency.features.iter().any(|feature| feature == "clock" || feature == "now");
        assert!(!(name == "chrono" && clock), "model must not use chrono's clock");
    }
}

#[test]
fn make_serve_optimises_every_package_that_a_record_passes() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml")).expect("Cargo.toml");
    let allowed: BTreeMap<_, _> = MAY_IMPORT.into_iter().collect();
    for name in allowed["server"].iter().filter(|name| **name != "app").chain(&["server"]) {
        let entry = format!("[profile.serve.package.{name}]\nopt-level = 3");
        assert!(manifest.contains(&entry), "add to Cargo.toml: {entry}");
    }
}

/// The workspace's packages by name, from `cargo metadata`; needs no network.
fn workspace() -> BTreeMap<String, Package> {
    let output = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
        .args(["metadata", "--offline", "--no-deps", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages.iter().map(|package| (text(&package["name"]), read_package(package))).collect()
}

/// All source files of a package, its tests among them.
fn sources(package: &Package) -> Vec<PathBuf> {
    let folders = FOLDERS.iter().map(|folder| package.folder.join(folder));
    folders.filter(|folder| folder.is_dir()).flat_map(|folder| rust_files(&folder)).collect()
}

/// The sources of a folder, by their names as seen from `server/`.
fn texts(server: &Path, folder: &str) -> Vec<(String, String)> {
    let files = rust_files(&server.join(folder));
    assert!(!files.is_empty(), "{folder} has no sources: correct the folders of the rules");
    let read = |file: &PathBuf| {
        let name = file.strip_prefix(server).expect("a file of the folder").to_string_lossy().into_owned();
        (name, fs::read_to_string(file).expect("a readable source file"))
    };
    files.iter().map(read).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of sources");
    entries
        .map(|entry| entry.expect("a folder entry").path())
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn read_package(package: &Value) -> Package {
    let dependencies = package["dependencies"].as_array().expect("dependencies");
    let dependencies = dependencies
        .iter()
        .map(|dependency| Dependency {
            name: text(&dependency["name"]),
            for_tests: dependency["kind"] == "dev",
            features: dependency["features"].as_array().expect("features").iter().map(text).collect(),
        })
        .collect();
    let path = |value: &Value| PathBuf::from(text(value));
    let manifest = path(&package["manifest_path"]);
    let targets = package["targets"].as_array().expect("targets").iter();
    let is_source = |kind: &Value| {
        kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| SOURCES.contains(&text(kind).as_str())))
    };
    let roots = targets.filter(|target| is_source(&target["kind"])).map(|target| path(&target["src_path"])).collect();
    Package { dependencies, folder: manifest.parent().expect("a folder").to_owned(), roots }
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}
