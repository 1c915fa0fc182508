//! Keeps the rules of who may import whom (see `ARCHITECTURE.md`).
//!
//! What is read is the workspace's own `cargo metadata`, so a forbidden edge fails here
//! at once, and not in a review. Dependencies of tests are held to the same rules, save
//! that tests may use `testkit` and, through it, every engine's real servers.

#[path = "architecture/cycles.rs"]
mod cycles;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Each package of the workspace and the packages of it that it may import.
const MAY_IMPORT: [(&str, &[&str]); 19] = [
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
    ("crash-points", &[]),
    // The file format: what is in a file, and nothing of when one is written.
    ("parts", &["crash-points", "model", "pipeline"]),
    // Days as files in a folder or a bucket.
    ("archive", &["model", "parts", "pipeline"]),
    ("engine-embedded", &["crash-points", "model", "parts", "pipeline"]),
    ("engine-rabbitmq", &["model", "pipeline"]),
    ("engine-timescale", &["model", "pipeline"]),
    ("testkit", &["model", "pipeline"]),
    // What reads bytes of others and of the disk.
    ("fuzz-targets", &["doors", "engine-embedded", "model", "pipeline"]),
    // A black box: it knows the wire and the model, and nothing of the server.
    ("loadgen", &["model", "wire"]),
    // A client of others' programs: it knows the wire alone.
    ("logboom-tracing", &["wire"]),
    (
        "server",
        &[
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

/// The store's methods that answer a question about records.
const READING_METHODS: [&str; 8] =
    ["search", "aggregate", "get", "context", "read_after", "read_range", "newest", "follow"];

/// The ports to what is stored, and the files of the program that may name them: the one that
/// opens a store, and the state of health and metrics, which wants the status and no records.
const STORE_PORTS: [(&str, &str); 6] = [
    ("LogStore", "engines.rs"),
    ("Log", "http/state.rs"),
    ("Ask", ""),
    ("DeadLetters", ""),
    ("Documents", "engines.rs"),
    ("Leases", "archiving/mod.rs"),
];

/// The kinds of targets whose files are the package's own code.
const SOURCES: [&str; 4] = ["lib", "rlib", "cdylib", "bin"];

/// The packages that name nothing of `model::api`, the JSON of one transport: ports and engines
/// serve all of them.
const WITHOUT_THE_API: [&str; 6] =
    ["pipeline", "doors", "parts", "engine-embedded", "engine-rabbitmq", "engine-timescale"];

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

#[test]
fn each_database_stays_in_its_engine() {
    // One crate speaks to both, so the sources tell.
    for (engine, foreign) in [("engine-embedded", "postgres"), ("engine-timescale", "sqlite")] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(engine).join("src");
        for file in rust_files(&folder) {
            let source = fs::read_to_string(&file).expect("a readable source file");
            let import = format!("sqlx::{foreign}");
            assert!(!source.contains(&import), "{} must not use {import}", file.display());
        }
    }
}

#[test]
fn the_program_reads_the_store_through_reading() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in rust_files(&sources) {
        let source = fs::read_to_string(&file).expect("a readable source file");
        let name = file.strip_prefix(&sources).expect("a file of the folder").to_string_lossy().into_owned();
        for path in cycles::paths(&source) {
            let [first, port, ..] = &path[..] else { continue };
            let may_name = |(known, may): &(&str, &str)| port != known || name == *may;
            let is_free = first != "pipeline" || STORE_PORTS.iter().all(may_name);
            assert!(is_free, "{name} must not name pipeline::{port}: take the answer from package reading");
        }
        // A call may be spread over lines.
        let joined: String = source.split_whitespace().collect();
        for method in READING_METHODS {
            for call in [format!("store.{method}("), format!("store().{method}("), format!("Log::{method}(")] {
                assert!(!joined.contains(&call), "{name} must not call {call}…): take it from package reading");
            }
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
fn ports_and_engines_name_nothing_of_the_api() {
    let packages = workspace();
    for name in WITHOUT_THE_API {
        for file in sources(&packages[name]) {
            let source = fs::read_to_string(&file).expect("a readable source file");
            let is_of_the_api = |path: &Vec<String>| path.starts_with(&["model".to_owned(), "api".to_owned()]);
            let paths = cycles::paths(&source);
            assert!(!paths.iter().any(is_of_the_api), "{} must not name model::api", file.display());
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
