//! The table of modules in `docs/architecture.md` is what the code does: who imports whom, and no file too long.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A longer file is split.
const MOST_LINES: usize = 800;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All `.rs` files of `src`, as paths with `/` below the root.
fn sources() -> BTreeMap<String, String> {
    sources_of("src")
}

/// All `.rs` files of a folder, as paths with `/` below the root.
fn sources_of(folder: &str) -> BTreeMap<String, String> {
    let mut folders: Vec<PathBuf> = vec![root().join(folder)];
    let mut sources = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("it can be listed") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name =
                    path.strip_prefix(root()).expect("it is below the root").to_string_lossy().replace('\\', "/");
                sources.insert(name, read(&path));
            }
        }
    }
    sources
}

/// The rows of the table: path, and what it may import.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    table_of("src/")
}

/// The rows of paths that start thus.
fn table_of(start: &str) -> BTreeMap<String, BTreeSet<String>> {
    let start = format!("| `{start}");
    let text = read(&root().join("docs/architecture.md"));
    let code = |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with(&start)) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        assert_eq!(cells.len(), 3, "a row has three cells: {line}");
        let imports: BTreeSet<String> = code(cells[2]).into_iter().collect();
        for path in code(cells[0]) {
            assert!(rows.insert(path.clone(), imports.clone()).is_none(), "{path} has two rows");
        }
    }
    rows
}

/// The crates that the manifest names.
fn dependencies() -> Vec<String> {
    dependencies_of("Cargo.toml")
}

/// The crates that a manifest names.
fn dependencies_of(manifest: &str) -> Vec<String> {
    let manifest: toml::Table = read(&root().join(manifest)).parse().expect("the manifest is TOML");
    let everywhere = manifest["dependencies"].as_table().expect("it is a table").keys();
    let targets = manifest.get("target").and_then(|targets| targets.as_table()).into_iter().flat_map(|t| t.values());
    let somewhere = targets.filter_map(|target| target["dependencies"].as_table()).flat_map(|table| table.keys());
    everywhere.chain(somewhere).map(|name| name.replace('-', "_")).collect()
}

/// The code without comments and without its tests.
fn code(source: &str) -> String {
    let lines = source.lines().take_while(|line| !line.starts_with("mod tests {"));
    lines.map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Whether `text[at]` starts a path, and is not a part of a longer one.
fn starts_path(text: &str, at: usize) -> bool {
    !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
}

/// The modules of this crate and the crates of the manifest that the code names.
fn imports(code: &str, dependencies: &[String]) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for (at, prefix) in code.match_indices("crate::").filter(|&(at, _)| starts_path(code, at)) {
        let rest = &code[at + prefix.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let (mut depth, mut start) = (0, true);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && !c.is_whitespace() => {
                    found.insert(word(&group[at..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    for name in dependencies {
        let path = format!("{name}::");
        if code.match_indices(&path).any(|(at, _)| starts_path(code, at)) {
            found.insert(name.clone());
        }
    }
    found
}

/// Whether the file is a module that only tests have.
fn is_test_only(path: &str, sources: &BTreeMap<String, String>) -> bool {
    let (folder, name) = path.trim_end_matches(".rs").rsplit_once('/').expect("it lies below src");
    let parent = [format!("{folder}/mod.rs"), format!("{folder}.rs"), format!("{folder}/lib.rs")];
    let declares = |source: &String| {
        let mut lines = source.lines().map(str::trim);
        let is_declaration = |line: &str| line.ends_with(&format!("mod {name};"));
        lines.by_ref().zip(source.lines().skip(1)).any(|(line, next)| line == "#[cfg(test)]" && is_declaration(next))
    };
    parent.iter().filter_map(|parent| sources.get(parent)).any(declares)
}

/// The module of the crate that a file of the library belongs to.
fn module(path: &str) -> &str {
    let path = path.trim_start_matches("src/");
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

#[test]
fn the_table_of_modules_is_what_the_code_does() {
    let (sources, table, dependencies) = (sources(), table(), dependencies());
    let mut used: BTreeMap<&str, BTreeSet<String>> = table.keys().map(|row| (row.as_str(), BTreeSet::new())).collect();
    let mut wrong = Vec::new();
    for (path, source) in sources.iter().filter(|(path, _)| path.as_str() != "src/lib.rs") {
        if is_test_only(path, &sources) {
            continue;
        }
        // The longest path in the table that this file is or lies below.
        let row = table.keys().filter(|row| path == *row || (row.ends_with('/') && path.starts_with(*row)));
        let Some(row) = row.max_by_key(|row| row.len()) else {
            wrong.push(format!("{path} has no row"));
            continue;
        };
        let mut imports = imports(&code(source), &dependencies);
        if path.starts_with("src/bin/") {
            // A binary is a crate of its own.
            imports.retain(|name| dependencies.contains(name));
        } else {
            imports.remove(module(path));
        }
        used.entry(row).or_default().extend(imports);
    }
    for (row, may) in &table {
        if !sources.keys().any(|path| path.starts_with(row)) {
            wrong.push(format!("{row} is in the table, and is not there"));
        } else if used[row.as_str()] != *may {
            let names: Vec<String> = used[row.as_str()].iter().map(|name| format!("`{name}`")).collect();
            wrong.push(format!("{row} imports {}", names.join(", ")));
        }
    }
    assert!(wrong.is_empty(), "docs/architecture.md says otherwise:\n{}", wrong.join("\n"));
}

#[test]
fn bindings_import_what_their_table_says() {
    let (sources, dependencies) = (sources_of("bindings/python/src"), dependencies_of("bindings/python/Cargo.toml"));
    assert!(!sources.is_empty());
    let used: BTreeSet<String> = sources.values().flat_map(|source| imports(&code(source), &dependencies)).collect();
    let used = used.into_iter().filter(|name| dependencies.contains(name)).collect();
    assert_eq!(table_of("bindings/python/src/"), BTreeMap::from([("bindings/python/src/".to_owned(), used)]));
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<String> = sources()
        .iter()
        .chain(&sources_of("bindings/python/src"))
        .map(|(path, source)| (path, source.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(path, lines)| format!("{path} has {lines} lines"))
        .collect();
    assert!(long.is_empty(), "at most {MOST_LINES} lines are allowed: {}", long.join(", "));
}

#[test]
fn the_engine_knows_nothing_of_what_stands_around_it() {
    let table = table();
    let outer = ["run", "source", "config", "report", "gate", "explain", "trial", "testing"];
    for (row, may) in table.iter().filter(|(row, _)| {
        ["src/engine/", "src/rule/", "src/decode/", "src/checksum/"].iter().any(|inner| row.starts_with(inner))
    }) {
        let wrong: Vec<&str> = outer.into_iter().filter(|name| may.contains(*name)).collect();
        assert!(wrong.is_empty(), "{row} may not import {wrong:?}");
    }
}

#[test]
fn imports_are_read_from_code() {
    let dependencies = vec!["memchr".to_owned()];
    let read = |text: &str| imports(&code(text), &dependencies).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(
        read("use crate::{a::{b, c}, d};\nuse crate::e::f; // crate::g\nlet x = memchr::memchr(1);"),
        "a d e memchr"
    );
    assert_eq!(read("let x = other::memchr::y; pub(crate) fn z() {}\nmod tests {\nuse crate::a;\n"), "");
}
