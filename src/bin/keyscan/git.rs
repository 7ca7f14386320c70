//! `keyscan git`.

use std::io::Write;

use keyscan::{HistorySettings, Result};

use crate::args::GitArgs;
use crate::exit::Exit;
use crate::others::repository_of;
use crate::{progress, scan};

pub(crate) fn run(args: &GitArgs, stdout: &mut dyn Write) -> Result<Exit> {
    let top = repository_of(&args.repository).unwrap_or_else(|| args.repository.clone());
    let target = scan::Target { at: &args.repository, roots: &[], names: &top };
    scan::find(&args.common, target, stdout, |run, config, _, _| {
        let settings = HistorySettings {
            threads: args.common.threads,
            range: args.range.clone(),
            branches: args.branch.clone(),
            since: args.since,
            until: args.until,
            author: args.author.clone(),
            max_depth: args.max_depth,
            paths: args.paths.clone(),
            exclude: if args.no_ignore { Vec::new() } else { config.exclude.clone() },
            all_occurrences: args.all_occurrences,
        };
        let watched = || run.history(&args.repository, &settings);
        let outcome = progress::show(args.common.output_args.progress, run.progress, watched)?;
        Ok((outcome, false))
    })
}
