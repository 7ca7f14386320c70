//! Secrets as Kubernetes mounts them: a link to a folder is swapped, and files come and go with it.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keyscan::redact::KnownSecrets;
use keyscan::rotate::{DirSource, Field, FileSource, RotatingSecret, Source};

use crate::{quick, until};

/// A new version of a mounted secret, as the kubelet makes it.
fn mount(folder: &Path, version: u32, files: &[(&str, String)]) {
    let name = format!("..2026_01_01_00_00_00.{version:09}");
    let data = folder.join(&name);
    fs::create_dir(&data).unwrap();
    for (file, value) in files {
        fs::write(data.join(file), value).unwrap();
        let link = folder.join(file);
        if fs::symlink_metadata(&link).is_err() {
            symlink(format!("..data/{file}"), link).unwrap();
        }
    }
    let before = fs::read_link(folder.join("..data")).ok();
    symlink(&name, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    before.into_iter().for_each(|before| fs::remove_dir_all(folder.join(before)).unwrap());
}

fn of_version(version: u32) -> String {
    format!("quartz-{version:04}-{}-{version:04}", "x".repeat(500))
}

/// Readers under load while a source is swapped; what each of them reads is whole, and never older than what it read before.
fn swap_under_load(folder: &Path, source: impl Source + 'static) {
    let known = KnownSecrets::new();
    let secret = RotatingSecret::builder("A_KEY", source).settings(quick()).hide_in(&known).start().unwrap();
    let (stop, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (secret, stop, reads) = (secret.clone(), stop.clone(), reads.clone());
            std::thread::spawn(move || {
                let mut last = 0;
                while !stop.load(Ordering::Relaxed) {
                    let lease = secret.get().expect("there is a value all the time");
                    let text = lease.expose_str().expect("it is text");
                    let version: u32 = text[7..11].parse().expect("it is whole");
                    assert_eq!(text, of_version(version));
                    assert!(version >= last);
                    last = version;
                    reads.fetch_add(1, Ordering::Relaxed);
                    std::thread::yield_now();
                }
            })
        })
        .collect();
    for version in 1..=5 {
        let started = Instant::now();
        mount(folder, version, &[("key", of_version(version)), ("other", format!("basalt-{version:04}"))]);
        until("the swap was seen", || secret.get().unwrap().expose() == of_version(version).as_bytes());
        // By the watch, that is, and not because the file was looked at anyway.
        assert!(started.elapsed() < Duration::from_secs(5), "swap {version} took {:?}", started.elapsed());
        assert!(secret.status().watched);
    }
    stop.store(true, Ordering::Relaxed);
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    assert!(reads.load(Ordering::Relaxed) > 100);
    assert_eq!((secret.get().unwrap().version(), known.len()), (6, 6));
    assert_eq!(secret.status().failures_total, 0);
}

fn mounted() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    mount(folder.path(), 0, &[("key", of_version(0)), ("other", "basalt-0000".to_owned())]);
    folder
}

#[test]
fn five_swaps_in_a_row_reach_readers_of_a_file() {
    let folder = mounted();
    swap_under_load(folder.path(), FileSource::new(folder.path().join("key")));
}

#[test]
fn five_swaps_in_a_row_reach_readers_of_a_folder() {
    let folder = mounted();
    swap_under_load(folder.path(), DirSource::new(folder.path(), ["key"]));
}

#[test]
fn a_folder_that_is_itself_a_link_is_followed() {
    let (one, two, links) = (mounted(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    mount(two.path(), 0, &[("key", of_version(7))]);
    let link = links.path().join("mounted");
    symlink(one.path(), &link).unwrap();
    let source = FileSource::new(link.join("key"));
    let secret = RotatingSecret::builder("A_KEY", source).settings(quick()).start().unwrap();
    symlink(two.path(), links.path().join("next")).unwrap();
    fs::rename(links.path().join("next"), &link).unwrap();
    until("the other folder was read", || secret.get().unwrap().expose() == of_version(7).as_bytes());
    // And what happens there now.
    mount(two.path(), 1, &[("key", of_version(8))]);
    until("its swap was seen", || secret.get().unwrap().expose() == of_version(8).as_bytes());
}

/// Two files of one version: never one of each.
#[test]
fn all_files_are_of_one_version() {
    let folder = mounted();
    let source = DirSource::new(folder.path(), ["key", "other"]);
    let secret = RotatingSecret::builder("A_KEY", source).settings(quick()).start().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let reader = std::thread::spawn({
        let (secret, stop) = (secret.clone(), stop.clone());
        move || {
            let mut seen = 0;
            while !stop.load(Ordering::Relaxed) {
                let _ = secret.reload(Duration::from_secs(5));
                let document: serde_json::Value = serde_json::from_slice(secret.get().unwrap().expose()).unwrap();
                let (key, other) = (document["key"].as_str().unwrap(), document["other"].as_str().unwrap());
                assert_eq!(key[7..11], other[7..11], "two versions were mixed");
                seen += 1;
            }
            seen
        }
    });
    for version in 1..60 {
        mount(folder.path(), version, &[("key", of_version(version)), ("other", format!("basalt-{version:04}"))]);
        std::thread::sleep(Duration::from_millis(3));
    }
    stop.store(true, Ordering::Relaxed);
    assert!(reader.join().unwrap() > 10);
    let field = RotatingSecret::builder("B", Field::new(DirSource::new(folder.path(), ["key", "other"]), "other"));
    assert_eq!(field.start().unwrap().get().unwrap().expose(), b"basalt-0059");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let folder = mounted();
    for bad in ["../key", "..", "", "a/b"] {
        assert!(RotatingSecret::builder("A_KEY", DirSource::new(folder.path(), [bad])).start().is_err(), "{bad}");
    }
}

/// Files that are swapped by a rename, as programs write them that know how to.
#[test]
fn renamed_files_and_folders_made_anew_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let (path, next) = (inner.join("key"), inner.join(".key.next"));
    fs::write(&path, "quartz-0000").unwrap();
    let secret = RotatingSecret::builder("A_KEY", FileSource::new(&path)).settings(quick()).start().unwrap();
    for version in 1..6 {
        let text = format!("quartz-{version:04}");
        fs::write(&next, &text).unwrap();
        fs::rename(&next, &path).unwrap();
        until("the new file was read", || secret.get().unwrap().expose() == text.as_bytes());
    }
    fs::remove_dir_all(&inner).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(secret.get().unwrap().expose(), b"quartz-0005");
    fs::create_dir(&inner).unwrap();
    fs::write(&path, "quartz-0006").unwrap();
    until("the new folder was read", || secret.get().unwrap().expose() == b"quartz-0006");
}
