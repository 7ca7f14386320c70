//! The files of the corpus, by package.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const MAX_FILE: u64 = 1 << 20;
/// So much of one package, so that no package outweighs the others.
const MAX_PACKAGE: u64 = 24 << 20;

/// A text of a package.
pub struct File {
    pub extension: String,
    pub text: Vec<u8>,
}

/// The packages of a folder `registry/package-version`, by name.
pub fn packages(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut packages = BTreeMap::new();
    for registry in entries(folder) {
        for package in entries(&registry) {
            let name = package.strip_prefix(folder).unwrap_or(&package).to_string_lossy().into_owned();
            packages.insert(name, package);
        }
    }
    packages.into_iter().collect()
}

/// The texts of a package, in the order of their paths.
pub fn files(package: &Path) -> Vec<File> {
    let (mut files, mut left) = (Vec::new(), MAX_PACKAGE);
    let mut folders = vec![package.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut below = Vec::new();
        for path in entries(&folder) {
            let Ok(data) = path.symlink_metadata() else { continue };
            if data.is_dir() {
                below.push(path);
            } else if data.is_file() && data.len() <= MAX_FILE.min(left) {
                // A map of sources holds other files of the package again.
                if path.extension().is_some_and(|extension| extension == "map") {
                    continue;
                }
                let Ok(text) = std::fs::read(&path) else { continue };
                if text.contains(&0) || is_minified(&text) {
                    continue;
                }
                left -= text.len() as u64;
                let extension = path.extension().map_or_else(String::new, |e| e.to_string_lossy().to_lowercase());
                files.push(File { extension, text });
            }
        }
        folders.extend(below.into_iter().rev());
    }
    files
}

/// Code without line breaks has names of one letter, and nobody writes a secret into it.
fn is_minified(text: &[u8]) -> bool {
    let lines = memchr::memchr_iter(b'\n', text).count() + 1;
    text.len() / lines > 1000
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    entries.sort();
    entries
}
