//! Secrets as Kubernetes mounts them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// A new version of a mounted secret, as the kubelet makes it: a folder beside, and one rename.
pub(crate) fn mount(folder: &Path, version: u32, value: &str) {
    let name = format!("..2026.{version:04}");
    fs::create_dir_all(folder.join(&name)).unwrap();
    fs::write(folder.join(&name).join("key"), value).unwrap();
    let before = fs::read_link(folder.join("..data")).ok();
    symlink(&name, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    match before {
        Some(before) => fs::remove_dir_all(folder.join(before)).unwrap(),
        None => symlink("..data/key", folder.join("key")).unwrap(),
    }
}
