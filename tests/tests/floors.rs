//! The floors of the house: who may depend on whom, and what may stand where. ARCHITECTURE.md says it in words.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Lines that a source file may have.
const FILE_LINES_MAX: usize = 600;

/// Words that say nothing about what is in a file.
const EMPTY_WORDS: [&str; 7] = ["util", "utils", "common", "helper", "helpers", "manager", "misc"];

/// Packages of the workspace that only developers build: nothing else depends on them.
const DEVELOPER_PACKAGES: [&str; 2] = ["wiretape-tests", "xtask"];

/// Libraries that compute and do nothing else: all that a wire may use beside the core.
const PURE_LIBRARIES: [&str; 7] = ["bytes", "flate2", "memchr", "nom", "sha1", "sha2", "thiserror"];

/// What pure floors do without: sockets, files, threads, clocks, other processes, async.
const IMPURE: [&str; 9] = [
    "std::net",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "std::io::std",
    "Instant",
    "SystemTime",
    "tokio",
];

/// Asking a clock; only a file called `clock.rs` does.
const CLOCKS: [&str; 4] = ["Instant::now", "SystemTime::now", "clock_gettime", "UNIX_EPOCH.elapsed"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the workspace").to_path_buf()
}

/// A package of the workspace, its folder and what it depends on when it is built for its users.
struct Package {
    name: String,
    folder: PathBuf,
    dependencies: BTreeSet<String>,
}

impl Package {
    /// The packages of this product that it depends on.
    fn floors_below(&self) -> BTreeSet<&str> {
        self.dependencies.iter().map(String::as_str).filter(|name| name.starts_with("wiretape-")).collect()
    }

    fn is_wire(&self) -> bool {
        self.folder.parent().is_some_and(|parent| parent.ends_with("protocols"))
    }
}

fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|package| Package {
            name: text(&package["name"]),
            folder: Path::new(&text(&package["manifest_path"])).parent().expect("a folder").to_path_buf(),
            dependencies: package["dependencies"]
                .as_array()
                .expect("dependencies")
                .iter()
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| text(&dependency["name"]))
                .collect(),
        })
        .collect()
}

fn package(name: &str) -> Package {
    packages().into_iter().find(|package| package.name == name).unwrap_or_else(|| panic!("no package {name}"))
}

fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    names.into_iter().collect()
}

#[test]
fn core_depends_on_bytes_and_thiserror_only() {
    let core = package("wiretape-core");
    assert_eq!(core.dependencies.iter().map(String::as_str).collect::<BTreeSet<_>>(), set(["bytes", "thiserror"]));
}

#[test]
fn wires_depend_on_core_and_pure_libraries_and_never_meet() {
    let wires: Vec<Package> = packages().into_iter().filter(Package::is_wire).collect();
    assert!(wires.len() >= 4, "the wires are found");
    for wire in wires {
        assert_eq!(wire.floors_below(), set(["wiretape-core"]), "{}", wire.name);
        let others: Vec<_> = wire
            .dependencies
            .iter()
            .filter(|name| *name != "wiretape-core" && !PURE_LIBRARIES.contains(&name.as_str()))
            .collect();
        assert!(others.is_empty(), "{} depends on {others:?}", wire.name);
    }
}

#[test]
fn the_table_knows_core_and_the_wires_only() {
    let mut allowed: BTreeSet<String> = packages().into_iter().filter(Package::is_wire).map(|wire| wire.name).collect();
    allowed.insert("wiretape-core".to_owned());
    let table = package("wiretape-protocols");
    for name in table.floors_below() {
        assert!(allowed.contains(name), "the table of wires depends on {name}");
    }
}

#[test]
fn recorder_replay_and_gateway_stand_on_the_floors_below_them() {
    assert_eq!(package("wiretape-recorder").floors_below(), set(["wiretape-core"]));
    assert_eq!(package("wiretape-replay").floors_below(), set(["wiretape-core", "wiretape-recorder"]));
    for (name, floors) in [
        ("wiretape-approval", set(["wiretape-core"])),
        ("wiretape-policy", set(["wiretape-core"])),
        ("wiretape-identity", set(["wiretape-core"])),
        ("wiretape-credentials", set([])),
        ("wiretape-admin", set(["wiretape-approval", "wiretape-core", "wiretape-recorder", "wiretape-replay"])),
    ] {
        assert_eq!(package(name).floors_below(), floors, "{name}");
    }
    let below = set([
        "wiretape-admin",
        "wiretape-approval",
        "wiretape-core",
        "wiretape-credentials",
        "wiretape-git",
        "wiretape-http",
        "wiretape-identity",
        "wiretape-policy",
        "wiretape-postgres",
        "wiretape-protocols",
        "wiretape-recorder",
        "wiretape-replay",
        "wiretape-ssh",
    ]);
    let gateway = package("wiretape-gateway");
    assert!(gateway.floors_below().is_subset(&below), "{:?}", gateway.floors_below());
}

#[test]
fn nothing_depends_on_what_only_developers_build() {
    for package in packages() {
        for developer in DEVELOPER_PACKAGES.iter().chain(&["wiretape-gateway"]) {
            assert!(!package.dependencies.contains(*developer), "{} depends on {developer}", package.name);
        }
    }
}

/// A source file of the workspace.
struct Source {
    /// From the root of the checkout, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// The floor: the folder at the root of the checkout.
    fn floor(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// Whether no user of the product runs it.
    fn is_for_developers(&self) -> bool {
        ["tests", "xtask", "fuzz"].contains(&self.floor())
            || ["/tests/", "/benches/", "/examples/", "/tests.rs"].iter().any(|part| self.path.contains(part))
    }

    /// The lines that are code of the product: no comments, nothing from the first test module on.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let tests = lines.windows(2).position(|pair| {
            pair[0].trim() == "#[cfg(test)]" && pair[1].trim_start().starts_with("mod ") && pair[1].ends_with('{')
        });
        let end = tests.unwrap_or(lines.len());
        let code: Vec<(usize, &str)> = lines.into_iter().take(end).enumerate().collect();
        code.into_iter()
            .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default()))
            .filter(|(_, line)| !line.trim().is_empty())
    }

    /// The places where one of `words` stands in the code.
    fn places(&self, words: &[&str]) -> Vec<String> {
        self.code()
            .filter_map(|(line, code)| {
                let word = words.iter().find(|word| code.contains(**word))?;
                Some(format!("{}:{line}: {word}", self.path))
            })
            .collect()
    }

    /// The places where everything of another module is brought in or given out.
    fn globs(&self) -> Vec<String> {
        self.code()
            .filter(|(_, code)| {
                let code = code.trim();
                code.contains("use super::*")
                    || (code.starts_with("pub") && code.contains(" use ") && code.contains("::*"))
            })
            .map(|(line, code)| format!("{}:{line}: {}", self.path, code.trim()))
            .collect()
    }
}

fn sources() -> Vec<Source> {
    let root = root();
    let floors = [
        "admin",
        "approval",
        "core",
        "credentials",
        "fuzz",
        "gateway",
        "identity",
        "policy",
        "protocols",
        "recorder",
        "replay",
        "tests",
        "xtask",
    ];
    let mut folders: Vec<PathBuf> = floors.iter().map(|floor| root.join(floor)).collect();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the checkout") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                if !path.ends_with("target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file");
                let path = path.strip_prefix(&root).expect("inside the checkout").to_string_lossy().replace('\\', "/");
                sources.push(Source { path, text });
            }
        }
    }
    assert!(sources.len() > 30, "the sources are found");
    sources
}

/// What `find` finds in all sources that `choose` chooses; nothing is wanted.
fn nothing_found(choose: impl Fn(&Source) -> bool, find: impl Fn(&Source) -> Vec<String>) {
    let found: Vec<String> = sources().iter().filter(|source| choose(source)).flat_map(find).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn core_and_wires_touch_no_outside_world() {
    nothing_found(
        |source| ["approval", "core", "policy", "protocols"].contains(&source.floor()) && !source.is_for_developers(),
        |source| source.places(&IMPURE),
    );
}

#[test]
fn only_clocks_ask_what_time_it_is() {
    nothing_found(
        |source| !source.is_for_developers() && !source.path.ends_with("/clock.rs"),
        |source| source.places(&CLOCKS),
    );
}

#[test]
fn modules_say_what_they_bring_in_and_give_out() {
    nothing_found(|source| !source.is_for_developers(), Source::globs);
}

#[test]
fn files_are_short() {
    nothing_found(
        |_| true,
        |source| {
            let lines = source.text.lines().count();
            if lines > FILE_LINES_MAX { vec![format!("{}: {lines} lines", source.path)] } else { Vec::new() }
        },
    );
}

#[test]
fn file_names_say_what_is_inside() {
    nothing_found(
        |_| true,
        |source| {
            let words: BTreeSet<&str> = source.path.split(['/', '_', '.', '-']).collect();
            EMPTY_WORDS.iter().filter(|word| words.contains(**word)).map(|_| source.path.clone()).collect()
        },
    );
}

/// The search itself must find what it looks for, or the tests above would pass on anything.
#[test]
fn what_is_forbidden_is_found_in_code_and_not_in_comments_or_tests() {
    let source = Source {
        path: "core/src/sample.rs".to_owned(),
        text: "//! Instant::now is not for us\npub use other::*;\nlet start = Instant::now(); // why\n\
               use super::*;\n#[cfg(test)]\nmod tests {\n    use super::*;\n    use tokio::main;\n}\n"
            .to_owned(),
    };
    assert_eq!(source.places(&CLOCKS), ["core/src/sample.rs:3: Instant::now"]);
    assert_eq!(source.places(&IMPURE), ["core/src/sample.rs:3: Instant"]);
    assert_eq!(source.globs().len(), 2);
    assert!(!source.is_for_developers());
}
