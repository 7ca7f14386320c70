//! From units to an outcome: what a scan found, what it could not look at, what it cost.

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::engine::{Coverage, DOUBTFUL, Scanner, Scratch, Surroundings};
use crate::finding::{Finding, Located, Part};
use crate::rule::MAX_FILE_LEN;
use crate::source::stream::{self, End};

/// How a unit is called that comes from standard input.
pub const STDIN: &str = "<stdin>";

/// Archives in archives are opened so deep unless something else is asked for.
pub const ARCHIVE_DEPTH: u32 = 3;

/// A unit, or a part of one, that was not examined.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unexamined {
    /// The unit.
    pub path: String,
    /// Why, in words; never with bytes of the unit.
    pub reason: String,
}

/// What a scan came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was found, by path, place and rule.
    pub findings: Vec<Located>,
    /// What was not examined, by path.
    pub unexamined: Vec<Unexamined>,
    /// Whether the scan was interrupted.
    pub interrupted: bool,
    /// What else should be known, in words: nothing of it changes what was found.
    pub notes: Vec<String>,
    /// What it cost.
    pub stats: Stats,
}

/// What a scan looked at, and how long it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Units examined.
    pub units: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Wall time.
    pub elapsed: Duration,
}

/// How far a scan has come, for those who watch it from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    units: AtomicU64,
    bytes: AtomicU64,
    findings: AtomicU64,
}

/// Decides, with the text around it, whether a finding is kept.
pub type Inspect<'a> = dyn Fn(&Located, Surroundings<'_>) -> bool + Sync + 'a;

/// What every scan needs.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// The rules, ready to run.
    pub scanner: &'a Scanner,
    /// Findings less sure than this are left out.
    pub min_confidence: f32,
    /// Asked about each finding.
    pub inspect: &'a Inspect<'a>,
    /// Archives are opened so deep, up to 16: with 1 their members are looked at, with 2 also the members of archives
    /// among these. A compressed archive counts once; so does a file that is compressed alone. 0, or without the feature
    /// `archive`: they are looked at as they are.
    pub max_archive_depth: u32,
    /// Told how far the scan has come.
    pub progress: &'a Progress,
    /// Set from outside to end the scan early.
    pub interrupted: &'a AtomicBool,
}

impl Outcome {
    /// Whether everything was examined.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unexamined.is_empty() && !self.interrupted
    }

    /// Adds what another scan came to.
    pub fn merge(&mut self, other: Outcome) {
        self.findings.extend(other.findings);
        self.unexamined.extend(other.unexamined);
        self.interrupted |= other.interrupted;
        self.notes.extend(other.notes);
        self.stats.units += other.stats.units;
        self.stats.bytes += other.stats.bytes;
        self.stats.elapsed += other.stats.elapsed;
    }
}

impl Progress {
    /// Another unit of so many bytes was examined.
    #[cfg(feature = "git")]
    pub(crate) fn unit(&self, bytes: u64) {
        self.units.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Units examined, bytes examined, findings so far.
    #[must_use]
    pub fn so_far(&self) -> (u64, u64, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (load(&self.units), load(&self.bytes), load(&self.findings))
    }
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("min_confidence", &self.min_confidence).finish_non_exhaustive()
    }
}

impl<'a> Run<'a> {
    /// With what holds unless something else is asked for.
    #[must_use]
    pub fn new(
        scanner: &'a Scanner,
        inspect: &'a Inspect<'a>,
        progress: &'a Progress,
        interrupted: &'a AtomicBool,
    ) -> Run<'a> {
        Run { scanner, min_confidence: DOUBTFUL, inspect, max_archive_depth: ARCHIVE_DEPTH, progress, interrupted }
    }
}

impl Run<'_> {
    /// Scans a stream, giving each finding to `found` while it is still being read; the outcome has only the rest.
    pub fn stream(&self, name: &str, reader: impl Read, mut found: impl FnMut(Located)) -> Outcome {
        let started = Instant::now();
        let mut worker = Worker::new(*self);
        worker.read_stream(name, reader, &mut found);
        let mut outcome = worker.outcome;
        outcome.stats.elapsed = started.elapsed();
        outcome
    }
}

/// In words: that so many attempts were given up.
pub(crate) fn skipped_places(skipped: u64) -> String {
    format!("{skipped} places were passed over: the text makes rules look at the same bytes again and again")
}

/// What one thread does: it scans units one after the other and gathers what comes of them.
struct Worker<'a> {
    run: Run<'a>,
    scratch: Scratch,
    buffer: Vec<u8>,
    outcome: Outcome,
}

impl<'a> Worker<'a> {
    fn new(run: Run<'a>) -> Worker<'a> {
        Worker { run, scratch: Scratch::new(), buffer: Vec::new(), outcome: Outcome::default() }
    }

    /// Scans a stream, or what is in it where it is an archive.
    fn read_stream(&mut self, name: &str, reader: impl Read, found: &mut dyn FnMut(Located)) {
        #[cfg(feature = "archive")]
        if self.run.max_archive_depth > 0 {
            return self.read_stream_or_archive(name, reader, found);
        }
        self.read_unit(name, reader, found);
    }

    /// Scans a unit that comes piece by piece.
    fn read_unit(&mut self, name: &str, reader: impl Read, found: &mut dyn FnMut(Located)) {
        let run = self.run;
        let (mut bytes, mut is_found, mut whole) = (0, false, Vec::new());
        let may_be_alone = run.scanner.may_be_alone(name);
        let mut sink = |finding: Finding, around: Surroundings<'_>| {
            is_found |= finding.confidence >= DOUBTFUL;
            run.keep(name, finding, around, found);
        };
        let mut session = run.scanner.session(&mut self.scratch);
        let end = stream::read_pieces(reader, &mut self.buffer, run.interrupted, |piece| {
            bytes += piece.len() as u64;
            run.progress.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
            session.feed(piece, &mut sink);
            if may_be_alone && bytes <= MAX_FILE_LEN as u64 {
                whole.extend_from_slice(piece);
            }
        });
        let coverage = session.finish(&mut sink);
        if may_be_alone && !is_found && bytes == whole.len() as u64 {
            run.scanner.alone(&whole, Some(name), &mut |finding, around| run.keep(name, finding, around, found));
        }
        match end {
            End::Complete => {}
            End::Failed(error) => self.failed(name, format!("reading stopped after {bytes} bytes: {error}")),
            End::Interrupted => {
                self.outcome.interrupted = true;
                self.failed(name, format!("interrupted after {bytes} bytes"));
            }
        }
        self.examined(name, bytes, coverage);
    }

    fn examined(&mut self, name: &str, bytes: u64, coverage: Coverage) {
        self.outcome.stats.units += 1;
        self.outcome.stats.bytes += bytes;
        self.run.progress.units.fetch_add(1, Ordering::Relaxed);
        if !coverage.is_complete() {
            self.failed(name, skipped_places(coverage.skipped_attempts));
        }
    }

    fn failed(&mut self, name: &str, reason: String) {
        self.outcome.unexamined.push(Unexamined { path: name.to_owned(), reason });
    }
}

impl Run<'_> {
    fn keep(&self, name: &str, finding: Finding, around: Surroundings<'_>, found: &mut dyn FnMut(Located)) {
        if finding.confidence < self.min_confidence {
            return;
        }
        let located = Located { path: name.to_owned(), finding, origin: None };
        self.inspect_located(located, around, found);
    }

    /// Gives a finding to `found` if whoever inspects findings keeps it. They are asked about each secret of it alone,
    /// so that what accepts one part of a credential hides no other: parts of a finding that goes are given themselves.
    pub(crate) fn inspect_located(
        &self,
        mut located: Located,
        around: Surroundings<'_>,
        found: &mut dyn FnMut(Located),
    ) {
        let mut parts = Vec::new();
        for (number, part) in std::mem::take(&mut located.finding.parts).into_iter().enumerate() {
            if part.is_public {
                parts.push(part);
                continue;
            }
            let alone = Located { finding: part.finding, path: located.path.clone(), origin: located.origin.clone() };
            if (self.inspect)(&alone, around.of_part(number)) {
                parts.push(Part { finding: alone.finding, ..part });
            }
        }
        let mut give = |located| {
            self.progress.findings.fetch_add(1, Ordering::Relaxed);
            found(located);
        };
        if (self.inspect)(&located, around) {
            located.finding.parts = parts;
            give(located);
        } else {
            for part in parts.into_iter().filter(|part| !part.is_public) {
                give(Located { finding: part.finding, ..located.clone() });
            }
        }
    }
}

#[cfg(feature = "archive")]
mod archives {
    use std::io::{self, Cursor, Read};
    use std::sync::atomic::Ordering;

    use super::Worker;
    use crate::finding::Located;
    use crate::source::archive::{self, HEAD_LEN, Opening};

    /// Scans what an archive gives.
    struct Members<'a, 'w, 'f> {
        worker: &'a mut Worker<'w>,
        found: &'a mut (dyn FnMut(Located) + 'f),
    }

    impl archive::Visitor for Members<'_, '_, '_> {
        fn unit(&mut self, name: &str, reader: &mut dyn Read) {
            self.worker.read_unit(name, reader, self.found);
        }

        fn unopened(&mut self, name: &str, reason: String) {
            self.worker.failed(name, reason);
        }
    }

    impl<'w> Worker<'w> {
        /// Whether a unit that starts like this is an archive, and is to be opened.
        pub(super) fn opens(&self, head: &[u8]) -> bool {
            self.run.max_archive_depth > 0 && archive::is_archive(head)
        }

        fn opening(&self) -> Opening<'w> {
            Opening { depth: self.run.max_archive_depth, interrupted: self.run.interrupted }
        }

        /// Scans a file, or what is in it.
        #[cfg(feature = "fs")]
        pub(super) fn file_or_archive(
            &mut self,
            file: impl Read + io::Seek,
            name: &str,
            len: u64,
            found: &mut dyn FnMut(Located),
        ) {
            let opening = self.opening();
            archive::open(name, file, len, opening, &mut Members { worker: self, found });
        }

        /// Its first bytes tell what it is; who waits for what comes next waits for no more than these.
        pub(super) fn read_stream_or_archive(
            &mut self,
            name: &str,
            mut reader: impl Read,
            found: &mut dyn FnMut(Located),
        ) {
            let mut head = vec![0; HEAD_LEN];
            let read = loop {
                match reader.read(&mut head) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                        if self.run.interrupted.load(Ordering::Relaxed) {
                            break Ok(0);
                        }
                    }
                    read => break read,
                }
            };
            match read {
                Ok(len) => head.truncate(len),
                Err(error) => return self.failed(name, format!("reading failed: {error}")),
            }
            if self.opens(&head) {
                let opening = self.opening();
                archive::open_stream(name, &head, reader, opening, &mut Members { worker: self, found });
            } else {
                self.read_unit(name, Cursor::new(head).chain(reader), found);
            }
        }
    }
}

#[cfg(feature = "fs")]
mod files {
    use std::fs::File;
    use std::io::{self, Read};
    use std::path::{Path, PathBuf};
    use std::sync::Mutex;
    use std::sync::atomic::Ordering;
    use std::time::Instant;

    use super::{Outcome, Run, Worker};
    use crate::error::Result;
    use crate::finding::Located;
    use crate::source::fs::{self, Step, WalkSettings};

    /// Files up to this size are read whole; larger ones go by in pieces, so that memory stays bounded.
    const WHOLE_LEN: u64 = 4 << 20;

    impl Outcome {
        /// Brings everything into an order that does not depend on threads.
        pub(crate) fn sort(&mut self) {
            fn key(located: &Located) -> impl Ord + '_ {
                let origin = located.origin.as_deref();
                let commit = origin.and_then(|origin| origin.commit.as_ref());
                let version = (commit.map(|commit| (&commit.date, &commit.id)), origin.map(|origin| &origin.object));
                (&located.path, located.finding.span, located.finding.rule, version)
            }
            self.findings.sort_by(|a, b| key(a).cmp(&key(b)));
            self.unexamined.sort();
        }
    }

    impl Run<'_> {
        /// Scans files and folders.
        ///
        /// # Errors
        /// When a root is not there, or a glob is malformed. What cannot be read below a root is no error: it is
        /// listed in the outcome.
        pub fn paths(&self, roots: &[PathBuf], settings: &WalkSettings, max_file_size: Option<u64>) -> Result<Outcome> {
            fs::check_roots(roots)?;
            let started = Instant::now();
            let gathered = Mutex::new(Outcome::default());
            fs::walk(roots, settings, self.interrupted, || {
                let mut thread = Thread { worker: Worker::new(*self), gathered: &gathered };
                move |step| match step {
                    Step::File(found) => thread.worker.file(found.path, &found.name, max_file_size),
                    Step::Failed { name, reason } => thread.worker.failed(&name, reason),
                }
            })?;
            let mut outcome = gathered.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            outcome.interrupted |= self.interrupted.load(Ordering::Relaxed);
            outcome.sort();
            outcome.stats.elapsed = started.elapsed();
            Ok(outcome)
        }
    }

    impl Run<'_> {
        /// Scans these files, each under its name.
        #[cfg(feature = "git")]
        pub(crate) fn files(&self, files: &[(PathBuf, String)]) -> Outcome {
            let mut worker = Worker::new(*self);
            for (path, name) in files.iter().take_while(|_| !self.interrupted.load(Ordering::Relaxed)) {
                worker.file(path, name, None);
            }
            worker.outcome
        }
    }

    /// Hands over what a thread gathered when the walk lets go of it.
    struct Thread<'a> {
        worker: Worker<'a>,
        gathered: &'a Mutex<Outcome>,
    }

    impl Drop for Thread<'_> {
        fn drop(&mut self) {
            let own = std::mem::take(&mut self.worker.outcome);
            self.gathered.lock().unwrap_or_else(std::sync::PoisonError::into_inner).merge(own);
        }
    }

    impl Worker<'_> {
        fn file(&mut self, path: &Path, name: &str, max_file_size: Option<u64>) {
            let (file, len) = match fs::open(path) {
                Ok(opened) => opened,
                Err(error) => return self.failed(name, error.to_string()),
            };
            if let Some(most) = max_file_size.filter(|&most| len > most) {
                return self.failed(name, format!("{len} bytes are more than the limit of {most}"));
            }
            let mut found = Vec::new();
            if len > WHOLE_LEN {
                self.large_file(file, name, len, &mut |located| found.push(located));
            } else {
                self.whole_file(file, name, len, &mut |located| found.push(located));
            }
            self.outcome.findings.append(&mut found);
        }

        #[cfg(not(feature = "archive"))]
        fn large_file(&mut self, file: File, name: &str, _: u64, found: &mut dyn FnMut(Located)) {
            self.read_unit(name, file, found);
        }

        #[cfg(feature = "archive")]
        fn large_file(&mut self, file: File, name: &str, len: u64, found: &mut dyn FnMut(Located)) {
            if self.run.max_archive_depth > 0 {
                self.file_or_archive(file, name, len, found);
            } else {
                self.read_unit(name, file, found);
            }
        }

        fn whole_file(&mut self, mut file: File, name: &str, len: u64, found: &mut dyn FnMut(Located)) {
            let mut buffer = std::mem::take(&mut self.buffer);
            let end = read_whole(&mut file, &mut buffer, len as usize);
            match end {
                Err(error) => self.failed(name, format!("reading failed: {error}")),
                // It has grown past the bound since it was measured.
                Ok(None) => {
                    let grown = io::Cursor::new(std::mem::take(&mut buffer)).chain(file);
                    self.read_unit(name, grown, found);
                    return;
                }
                #[cfg(feature = "archive")]
                Ok(Some(len)) if self.opens(&buffer[..len]) => {
                    self.file_or_archive(io::Cursor::new(&buffer[..len]), name, len as u64, found);
                }
                Ok(Some(len)) => {
                    let run = self.run;
                    let coverage = run.scanner.scan_file(name, &buffer[..len], &mut self.scratch, |finding, around| {
                        run.keep(name, finding, around, found);
                    });
                    run.progress.bytes.fetch_add(len as u64, Ordering::Relaxed);
                    self.examined(name, len as u64, coverage);
                }
            }
            self.buffer = buffer;
        }
    }

    /// Reads a file of about `len` bytes; answers how many, or nothing when it is larger than what is read whole.
    /// The buffer only ever grows, so that its bytes are made once.
    fn read_whole(file: &mut File, buffer: &mut Vec<u8>, len: usize) -> io::Result<Option<usize>> {
        // One byte more, so that the end of an unchanged file shows without growing the buffer.
        if buffer.len() < len + 1 {
            buffer.resize(len + 1, 0);
        }
        let mut filled = 0;
        loop {
            match file.read(&mut buffer[filled..]) {
                Ok(0) => return Ok(Some(filled)),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if filled == buffer.len() {
                if filled as u64 > WHOLE_LEN {
                    return Ok(None);
                }
                buffer.resize(2 * filled + 1, 0);
            }
        }
    }
}
