//! Lists the rule files of `patterns/`, so that they can be embedded.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let patterns = Path::new(&root).join("patterns");
    println!("cargo::rerun-if-changed=patterns");
    let mut names: Vec<String> = fs::read_dir(&patterns)
        .expect("patterns/ can be read")
        .map(|entry| entry.expect("patterns/ can be listed").file_name().into_string().expect("file names are UTF-8"))
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    let mut list = String::from("const FILES: &[(&str, &str)] = &[\n");
    for name in names {
        let path = patterns.join(&name);
        writeln!(list, "    (\"patterns/{name}\", include_str!({path:?})),").expect("a String can be written to");
    }
    list.push_str("];\n");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("patterns.rs"), list).expect("OUT_DIR can be written");
}
