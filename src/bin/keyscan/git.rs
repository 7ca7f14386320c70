//! `keyscan git`.

use std::io::Write;

use keyscan::{HistorySettings, Result};

use crate::args::GitArgs;
use crate::exit::Exit;
use crate::{progress, scan};

pub(crate) fn run(args: &GitArgs, stdout: &mut dyn Write) -> Result<Exit> {
    scan::find(&args.common, &args.repository, &[], stdout, |run, config, _| {
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
