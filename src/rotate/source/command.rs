//! Programs that give a secret.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use zeroize::Zeroizing;

use super::{FetchContext, Fetched, Protocol, Source};
use crate::rotate::failure::{FailureClass, SourceError};

/// No program writes more.
const MAX_OUTPUT_LEN: u64 = 1 << 20;
/// Variables that a program gets. Others hold secrets that are not its business.
const PASSED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "SystemRoot",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "TEMP",
];
/// How often is looked whether the program has ended.
const TICK: Duration = Duration::from_millis(10);
/// So many looks after its end the program's output counts as complete.
const LINGER: u32 = 10;

/// A program that writes a secret on its standard output. It is run without a shell, in a process group of its own that is
/// killed when it takes too long, with few variables, nothing on its standard input, and standard error thrown away.
#[derive(Clone)]
pub struct CommandSource {
    argv: Vec<OsString>,
    protocol: Protocol,
    variables: Vec<String>,
    shows_errors: bool,
}

impl std::fmt::Debug for CommandSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Arguments may hold what is secret.
        f.debug_struct("CommandSource").field("program", &self.argv.first()).finish_non_exhaustive()
    }
}

impl CommandSource {
    /// This program with these arguments.
    #[must_use]
    pub fn new(argv: impl IntoIterator<Item = impl Into<OsString>>) -> CommandSource {
        let argv = argv.into_iter().map(Into::into).collect();
        CommandSource { argv, protocol: Protocol::default(), variables: Vec::new(), shows_errors: false }
    }

    /// It writes in this form.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> CommandSource {
        self.protocol = protocol;
        self
    }

    /// It also gets these variables of this process.
    #[must_use]
    pub fn variables(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> CommandSource {
        self.variables = names.into_iter().map(Into::into).collect();
        self
    }

    /// What it writes on standard error goes to that of this process, as it is.
    #[must_use]
    pub fn show_errors(mut self) -> CommandSource {
        self.shows_errors = true;
        self
    }

    fn command(&self) -> Option<Command> {
        let (program, arguments) = self.argv.split_first()?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        let names = PASSED.iter().copied().chain(self.variables.iter().map(String::as_str));
        for (name, value) in names.filter_map(|name| Some((name, std::env::var_os(name)?))) {
            command.env(name, value);
        }
        command.stdin(if self.protocol.request().is_some() { Stdio::piped() } else { Stdio::null() });
        command.stderr(if self.shows_errors { Stdio::inherit() } else { Stdio::null() });
        command.stdout(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Some(command)
    }
}

impl Source for CommandSource {
    fn kind(&self) -> &'static str {
        "command"
    }

    fn fetch(&self, context: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        let Some(mut command) = self.command() else {
            return Err(SourceError::new(FailureClass::NotFound, "there is no program to run"));
        };
        let child = command.spawn().map_err(|error| SourceError::io(&error, "the program did not start"))?;
        let mut running = Running { child, status: None };
        if let (Some(request), Some(mut stdin)) = (self.protocol.request(), running.child.stdin.take()) {
            // A few bytes: they fit the pipe, whether the program reads them or not.
            let _ = stdin.write_all(request.as_bytes());
        }
        let output = running.output(context)?;
        let status = running.wait(context)?;
        if !status.success() {
            return Err(SourceError::new(FailureClass::Failed, format!("the program failed ({status})")));
        }
        self.protocol.parse(&output)
    }
}

/// A program that runs. It and all that it started ends with this.
struct Running {
    child: Child,
    status: Option<ExitStatus>,
}

impl Running {
    /// All that it writes, up to the limit.
    fn output(&mut self, context: &FetchContext<'_>) -> Result<Zeroizing<Vec<u8>>, SourceError> {
        let Some(stdout) = self.child.stdout.take() else { return Ok(Zeroizing::default()) };
        let (sender, receiver) = mpsc::channel::<io::Result<Zeroizing<Vec<u8>>>>();
        // The reader ends when the program's end of the pipe is closed, which killing the group does.
        std::thread::spawn(move || {
            let mut bytes = Zeroizing::new(Vec::with_capacity(1 << 16));
            let read = stdout.take(MAX_OUTPUT_LEN + 1).read_to_end(&mut bytes);
            // Nobody waits any more when this fails.
            let _ = sender.send(read.map(|_| bytes));
        });
        let mut lingering = 0;
        loop {
            let left = context.remaining().map_err(|error| match error.class() {
                FailureClass::Timeout => SourceError::timeout("the program"),
                _ => error,
            })?;
            match receiver.recv_timeout(left.min(Duration::from_millis(50))) {
                Ok(Ok(bytes)) if bytes.len() as u64 > MAX_OUTPUT_LEN => {
                    return Err(SourceError::new(FailureClass::TooLarge, "the program wrote more than 1 MiB"));
                }
                Ok(Ok(bytes)) => return Ok(bytes),
                Ok(Err(error)) => return Err(SourceError::io(&error, "the program's output")),
                // What it left running keeps the pipe open, and is not waited for.
                Err(RecvTimeoutError::Timeout) if self.status.is_none() && self.has_ended() => {
                    lingering += 1;
                    if lingering > LINGER {
                        self.end()?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(SourceError::new(FailureClass::Failed, "the program's output could not be read"));
                }
            }
        }
    }

    fn wait(&mut self, context: &FetchContext<'_>) -> Result<ExitStatus, SourceError> {
        while !self.has_ended() {
            context.remaining().map_err(|_| SourceError::timeout("the program"))?;
            std::thread::sleep(TICK);
        }
        self.end()
    }

    /// Whether the program has ended. It is not reaped, so that its process group is still its own.
    #[cfg(unix)]
    fn has_ended(&mut self) -> bool {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // Where it cannot be said, waiting says it.
        pid.is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
    }

    #[cfg(not(unix))]
    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills what is left of the group, and reaps the program.
    fn end(&mut self) -> Result<ExitStatus, SourceError> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        #[cfg(unix)]
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // None is left as a rule.
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
        #[cfg(not(unix))]
        let _ = self.child.kill();
        let status = self.child.wait().map_err(|error| SourceError::io(&error, "the program"))?;
        self.status = Some(status);
        Ok(status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.end();
    }
}
