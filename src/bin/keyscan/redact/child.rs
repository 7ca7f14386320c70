//! A command whose streams are filtered. Where standard output is a terminal, the command gets one of its own, so that
//! colours and prompts stay as they are.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyscan::redact::RedactStats;
use keyscan::{Error, Result};
use rustix::process::{Pid, Signal};
use rustix::pty::OpenptFlags;
use rustix::termios::{self, OptionalActions, Termios};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::Signals;

use super::Job;
use super::pump::{End, Pump, failed};
use super::signals::{die_of_pipe, reload};
use crate::args::{RedactArgs, Reveal};
use crate::exit::Exit;

/// How long the streams may stay open after the command has ended: what it left running may have them.
const LINGER: Duration = Duration::from_secs(2);
/// What is shown of what is held when a terminal is silent.
const REVEAL: Reveal = Reveal { bytes: 2, after: Duration::from_millis(150) };

impl Job<'_> {
    pub(super) fn command(&self) -> Result<(RedactStats, Exit)> {
        // Before the command starts, so that none is missed.
        let signals = Signals::new([SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH])
            .map_err(|error| Error::config(format!("signals cannot be caught: {error}")))?;
        let wants_terminal = !self.args.no_pty && io::stdout().is_terminal();
        let mut running = if wants_terminal { in_terminal(&self.args.command)? } else { in_pipes(&self.args.command)? };
        let terminal = running.terminal.as_ref().map(OwnedFd::try_clone).transpose();
        let terminal = terminal.map_err(|error| Error::config(error.to_string()))?;
        pass_signals(signals, running.child.id(), terminal, self.args.clone(), self.known.clone());
        let raw = running.terminal.as_ref().and_then(|_| RawMode::enter());
        if let Some(terminal) = &running.terminal
            && io::stdin().is_terminal()
        {
            forward_input(terminal.try_clone().map_err(|error| Error::config(error.to_string()))?);
        }
        let stop = AtomicBool::new(false);
        let reveal = self.args.idle_reveal.or(running.terminal.is_some().then_some(REVEAL));
        let stats = Mutex::new(RedactStats::default());
        let (sender, ended) = mpsc::channel();
        let (status, ends) = std::thread::scope(|scope| {
            let streams = [("stdout", running.output.take()), ("stderr", running.errors.take())];
            let count = streams.iter().filter(|(_, stream)| stream.is_some()).count();
            for (name, stream) in streams {
                let Some(stream) = stream else { continue };
                let (sender, stop, stats) = (sender.clone(), &stop, &stats);
                scope.spawn(move || {
                    let redactor = self.redaction.redactor();
                    let line = self.args.line_buffered.then(Vec::new);
                    let mut pump = Pump { redactor, name, report: &self.report, stop, reveal, line };
                    let to = if name == "stdout" { rustix::stdio::stdout() } else { rustix::stdio::stderr() };
                    let end = pump.run(&stream, to, false);
                    // The command is told that nobody reads.
                    drop(stream);
                    stats.lock().unwrap_or_else(PoisonError::into_inner).merge(pump.stats());
                    // Nobody waits any more when this fails.
                    let _ = sender.send(end);
                });
            }
            let status = running.child.wait();
            let ends = gather(&ended, count, &stop);
            (status, ends)
        });
        let status = status.map_err(|error| Error::config(format!("the command was lost: {error}")))?;
        for end in ends {
            if end? == End::Unread {
                drop(raw);
                die_of_pipe();
            }
        }
        let stats = stats.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((stats, exit_of(status)))
    }
}

/// Waits for the streams to end; what is left running after the command is not waited for.
fn gather(ended: &Receiver<Result<End>>, count: usize, stop: &AtomicBool) -> Vec<Result<End>> {
    let mut ends = Vec::new();
    while ends.len() < count {
        match ended.recv_timeout(LINGER) {
            Ok(end) => ends.push(end),
            Err(_) if stop.swap(true, Ordering::Relaxed) => break,
            Err(_) => {}
        }
    }
    ends
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(0), _) => Exit::Clean,
        (Some(code), _) => Exit::Of(code as u8),
        (None, signal) => Exit::Of(128 + signal.unwrap_or(0) as u8),
    }
}

/// A command and the ends of its streams that are ours.
struct Running {
    child: Child,
    output: Option<OwnedFd>,
    errors: Option<OwnedFd>,
    /// Our side of its terminal.
    terminal: Option<OwnedFd>,
}

fn spawn(mut command: Command, name: &std::ffi::OsStr) -> Result<Child> {
    command.spawn().map_err(|error| Error::config(format!("`{}` cannot be run: {error}", name.display())))
}

fn in_pipes(line: &[std::ffi::OsString]) -> Result<Running> {
    let mut command = Command::new(&line[0]);
    command.args(&line[1..]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(command, &line[0])?;
    let (output, errors) = (child.stdout.take().map(Into::into), child.stderr.take().map(Into::into));
    Ok(Running { child, output, errors, terminal: None })
}

fn in_terminal(line: &[std::ffi::OsString]) -> Result<Running> {
    let no_terminal = |error| failed("no terminal for the command (--no-pty does without)", error);
    let ours =
        rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).map_err(no_terminal)?;
    rustix::pty::grantpt(&ours).map_err(no_terminal)?;
    rustix::pty::unlockpt(&ours).map_err(no_terminal)?;
    let path = rustix::pty::ptsname(&ours, Vec::new()).map_err(no_terminal)?;
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    let theirs = rustix::fs::open(path.as_c_str(), flags, rustix::fs::Mode::empty()).map_err(no_terminal)?;
    // As the terminal that there is.
    if let Ok(settings) = termios::tcgetattr(rustix::stdio::stdout()) {
        let _ = termios::tcsetattr(&theirs, OptionalActions::Now, &settings);
    }
    resize(&ours);
    let side = || theirs.try_clone().map_err(|error| Error::config(error.to_string()));
    let mut command = Command::new(&line[0]);
    command.args(&line[1..]).stdout(side()?);
    if io::stdin().is_terminal() {
        command.stdin(side()?);
    }
    let separate = !io::stderr().is_terminal();
    command.stderr(if separate { Stdio::piped() } else { side()?.into() });
    let controlling = side()?;
    // SAFETY: between fork and exec only system calls are made, on a descriptor that the closure owns.
    unsafe {
        command.pre_exec(move || {
            rustix::process::setsid()?;
            rustix::process::ioctl_tiocsctty(&controlling)?;
            Ok(())
        });
    }
    let mut child = spawn(command, &line[0])?;
    let errors = child.stderr.take().map(Into::into);
    let output = ours.try_clone().map_err(|error| Error::config(error.to_string()))?;
    Ok(Running { child, output: Some(output), errors, terminal: Some(ours) })
}

/// Makes a terminal as large as ours.
fn resize(terminal: impl AsFd) {
    if let Ok(size) = termios::tcgetwinsize(rustix::stdio::stdout()) {
        let _ = termios::tcsetwinsize(terminal, size);
    }
}

/// Our terminal without echo and line editing, which are the business of the command's; as it was when this is dropped.
struct RawMode(Termios);

impl RawMode {
    fn enter() -> Option<RawMode> {
        let stdin = rustix::stdio::stdin();
        let before = termios::tcgetattr(stdin).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(stdin, OptionalActions::Now, &raw).ok()?;
        Some(RawMode(before))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Passes what is typed on, as it is. The thread ends with the process.
fn forward_input(terminal: OwnedFd) {
    std::thread::spawn(move || {
        let stdin: BorrowedFd<'_> = rustix::stdio::stdin();
        let Ok(stdin) = stdin.try_clone_to_owned() else { return };
        let _ = io::copy(&mut File::from(stdin), &mut File::from(terminal));
    });
}

/// Passes signals on to the command; those that a terminal sends go to both already.
fn pass_signals(
    mut signals: Signals,
    child: u32,
    terminal: Option<OwnedFd>,
    args: RedactArgs,
    known: keyscan::redact::KnownSecrets,
) {
    let Some(pid) = i32::try_from(child).ok().and_then(Pid::from_raw) else { return };
    let (args, from_terminal) = (Arc::new(args), File::open("/dev/tty").is_ok() && terminal.is_none());
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let passed = match signal {
                SIGWINCH => {
                    terminal.iter().for_each(resize);
                    None
                }
                SIGINT if !from_terminal => Some(Signal::INT),
                SIGQUIT if !from_terminal => Some(Signal::QUIT),
                SIGTERM => Some(Signal::TERM),
                SIGHUP => Some(Signal::HUP),
                SIGUSR1 => Some(Signal::USR1),
                SIGUSR2 => Some(Signal::USR2),
                _ => None,
            };
            if signal == SIGHUP && args.has_known() {
                reload(&args, &known);
            }
            if let Some(signal) = passed {
                let _ = rustix::process::kill_process(pid, signal);
            }
        }
    });
}
