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

fn main() {
    println!("cargo::rerun-if-changed=patterns");
    println!("cargo::rerun-if-changed=src/rule");
    println!("cargo::rerun-if-changed=src/checksum");
    if env::var_os("CARGO_FEATURE_BUILTIN_RULES").is_none() {
        return;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("patterns.pack");
    match admit_all(Path::new("patterns")) {
        Ok(rules) => {
            let pack = postcard::to_stdvec(&rules).expect("rules are plain data");
            fs::write(out, pack).expect("OUT_DIR can be written");
        }
        Err(why) => {
            println!("cargo::error={}", why.to_string().replace('\n', " "));
            std::process::exit(1);
        }
    }
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
