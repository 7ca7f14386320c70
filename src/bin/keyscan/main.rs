//! The command line of keyscan: arguments to settings to library calls to an exit status.

mod args;
mod audit;
mod exit;
mod explain;
mod git;
mod gitleaks;
mod guard;
mod hook;
mod lint_key;
#[cfg(all(feature = "rotate", feature = "serve"))]
mod live;
mod others;
mod progress;
mod redact;
mod rotate;
mod rules;
mod scan;
mod search;
#[cfg(feature = "serve")]
mod serve;
mod settings;
mod time;
mod trace;
mod value;
#[cfg(feature = "verify")]
mod verify;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use keyscan::Result;

use crate::args::{Cli, Command};
use crate::exit::Exit;

fn main() -> ExitCode {
    // Clap itself answers usage errors, with status 2.
    let cli = Cli::parse();
    let mut out = BufWriter::new(Tolerant { inner: io::stdout().lock(), gone: false });
    let result = dispatch(&cli.command, &mut out).and_then(|exit| out.flush().map_err(rules::broken).map(|()| exit));
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            // What was printed before the error still belongs to the reader.
            let _ = out.flush();
            let _ = writeln!(io::stderr(), "keyscan: {error}");
            Exit::Failed.into()
        }
    }
}

fn dispatch(command: &Command, out: &mut dyn Write) -> Result<Exit> {
    match command {
        Command::Scan(args) => scan::run(args, out),
        Command::Detect(args) => gitleaks::detect(args, out),
        Command::Protect(args) => gitleaks::protect(args, out),
        Command::Dir(args) => gitleaks::dir(args, out),
        Command::Stdin(args) => gitleaks::stdin(args, out),
        Command::Git(args) => git::run(args, out),
        Command::Hook(command) => hook::run(command, out),
        Command::Audit(command) => audit::run(command, out),
        Command::Guard(command) => guard::run(command, out),
        Command::Redact(args) => redact::run(args),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(args),
        Command::Trace(args) => trace::run(args, out),
        #[cfg(feature = "verify")]
        Command::Verify(args) => verify::run(args, out),
        Command::Rotate(command) => rotate::run(command, out),
        Command::LintKey(args) => lint_key::run(args, out),
        Command::Rules(command) => rules::run(command, out),
        Command::Explain(args) => explain::run(args, out),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "keyscan", &mut { out });
            Ok(Exit::Clean)
        }
        Command::Man => {
            clap_mangen::Man::new(Cli::command()).render(&mut { out }).map_err(rules::broken)?;
            Ok(Exit::Clean)
        }
    }
}

/// Standard output whose reader may go away (`| head -1`): what is written then goes nowhere, and is no error.
struct Tolerant<W> {
    inner: W,
    gone: bool,
}

impl<W: Write> Tolerant<W> {
    fn tolerate<T>(&mut self, result: io::Result<T>, otherwise: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(otherwise)
            }
            result => result,
        }
    }
}

impl<W: Write> Write for Tolerant<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gone {
            return Ok(bytes.len());
        }
        let result = self.inner.write(bytes);
        self.tolerate(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.inner.flush();
        self.tolerate(result, ())
    }
}
