//! Admits the rules of `patterns/` and writes them in the form that is embedded: parsing and proving some hundred rules
//! takes longer than many a scan. It uses the library's own files, so that there is one admission.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::print_stdout,
    reason = "the library uses what is not used here"
)]

use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "src/byteset.rs"]
mod byteset;
#[path = "src/checksum/mod.rs"]
mod checksum;
#[path = "src/error.rs"]
mod error;
#[path = "src/rule"]
mod rule {
    #[path = "check.rs"]
    pub(crate) mod check;
    #[path = "file.rs"]
    mod file;
    #[path = "head.rs"]
    mod head;
    #[path = "literal.rs"]
    mod literal;
    #[path = "load.rs"]
    mod load;
    #[path = "model.rs"]
    pub(crate) mod model;
    #[path = "parts.rs"]
    mod parts;
    #[path = "remedy.rs"]
    mod remedy;
    #[path = "sample.rs"]
    mod sample;
    #[path = "schema.rs"]
    mod schema;
    #[path = "text.rs"]
    mod text;

    pub(crate) use self::sample::Sample;
}

use self::rule::model::{Rule, RuleSet, check_unique};

/// The inputs of the rules that were admitted last, as [`digest`] tells them.
const ADMITTED: &str = "patterns.inputs";

fn main() {
    let inputs = ["patterns", "src/rule", "src/checksum", "src/byteset.rs", "src/error.rs", "build.rs"].map(Path::new);
    inputs.iter().for_each(|path| println!("cargo::rerun-if-changed={}", path.display()));
    let library: Vec<PathBuf> = listed(Path::new("src")).into_iter().filter(|path| !path.ends_with("bin")).collect();
    library.iter().for_each(|path| println!("cargo::rerun-if-changed={}", path.display()));
    // What was found by other sources is not what these find.
    let sources = digest(library.iter().map(PathBuf::as_path).chain(inputs));
    println!("cargo::rustc-env=KEYSCAN_SOURCES={} {sources}", env!("CARGO_PKG_VERSION"));
    if env::var_os("CARGO_FEATURE_BUILTIN_RULES").is_none() {
        return;
    }
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let (out, admitted) = (folder.join("patterns.pack"), folder.join(ADMITTED));
    let inputs = digest(inputs);
    if out.exists() && fs::read_to_string(&admitted).is_ok_and(|known| known == inputs) {
        return;
    }
    match admit_all(Path::new("patterns")) {
        Ok(rules) => {
            let pack = postcard::to_stdvec(&rules).expect("rules are plain data");
            fs::write(out, pack).expect("OUT_DIR can be written");
            fs::write(admitted, inputs).expect("OUT_DIR can be written");
        }
        Err(why) => {
            println!("cargo::error={}", why.to_string().replace('\n', " "));
            std::process::exit(1);
        }
    }
}

/// Stands for the names and contents of files, and of all files in folders.
fn digest<'p>(paths: impl IntoIterator<Item = &'p Path>) -> String {
    // FNV-1a
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        hash = (bytes.len() as u64).to_le_bytes().iter().chain(bytes).fold(hash, fold);
    };
    let mut stack: Vec<PathBuf> = paths.into_iter().map(Path::to_owned).collect();
    while let Some(path) = stack.pop() {
        if path.is_dir() {
            stack.extend(listed(&path));
        } else if let Ok(content) = fs::read(&path) {
            add(path.to_string_lossy().replace('\\', "/").as_bytes());
            add(&content);
        }
    }
    format!("{hash:016x}")
}

/// What is in a folder, in order.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        folder.read_dir().into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

fn admit_all(folder: &Path) -> error::Result<Vec<Rule>> {
    let mut files: Vec<PathBuf> = folder
        .read_dir()
        .expect("patterns/ can be read")
        .map(|entry| entry.expect("patterns/ can be listed").path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let mut rules = Vec::new();
    for file in files {
        rules.extend(RuleSet::from_file(&file)?.into_rules());
    }
    rules.sort_by(|a, b| a.id().cmp(b.id()));
    check_unique(&rules)?;
    Ok(rules)
}
