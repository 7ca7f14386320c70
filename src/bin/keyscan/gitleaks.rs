//! `detect`, `protect`, `dir` and `stdin`, spelled as those of gitleaks.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use keyscan::{Error, Result};

use crate::args::{
    AsGitleaks, CacheArgs, CommonArgs, DetectArgs, DirArgs, Format, GitArgs, GitleaksArgs, OutputArgs, ProtectArgs,
    RuleArgs, ScanArgs, When,
};
use crate::exit::Exit;
use crate::{git, scan, time};

pub(crate) fn detect(args: &DetectArgs, out: &mut dyn Write) -> Result<Exit> {
    if args.pipe {
        return scan(Path::new("-"), &args.common, out);
    }
    if !args.no_git {
        return history(args, out);
    }
    if args.follow_symlinks {
        unread("--follow-symlinks", "links are not followed");
    }
    scan(&args.source, &args.common, out)
}

pub(crate) fn protect(args: &ProtectArgs, out: &mut dyn Write) -> Result<Exit> {
    if !args.staged {
        let instead = "`keyscan protect --staged` looks at what is staged, `keyscan scan` at files as they are";
        return Err(Error::config(format!("changes that are not staged are not told from the rest; {instead}")));
    }
    if args.log_opts.is_some() {
        unread("--log-opts", "all that is staged is looked at");
    }
    say_unread(&args.common);
    git::run(&GitArgs { staged: true, ..whole_history(&args.source, &args.common)? }, out)
}

pub(crate) fn dir(args: &DirArgs, out: &mut dyn Write) -> Result<Exit> {
    if args.follow_symlinks {
        unread("--follow-symlinks", "links are not followed");
    }
    scan(&args.path, &args.common, out)
}

pub(crate) fn stdin(args: &GitleaksArgs, out: &mut dyn Write) -> Result<Exit> {
    scan(Path::new("-"), args, out)
}

/// Looks at all commits, or at those that `--log-opts` says.
fn history(args: &DetectArgs, out: &mut dyn Write) -> Result<Exit> {
    let mut asked = whole_history(&args.source, &args.common)?;
    for option in args.log_opts.as_deref().unwrap_or_default().split_whitespace() {
        let time = |text: &str| time::parse(text).map(Some).map_err(|why| Error::config(format!("`{option}`: {why}")));
        match option.split_once('=') {
            // That is what is looked at anyway.
            _ if matches!(option, "--all" | "--full-history") => {}
            Some(("--since" | "--after", text)) => asked.since = time(text)?,
            Some(("--until" | "--before", text)) => asked.until = time(text)?,
            Some(("--author", text)) => asked.author = Some(text.to_owned()),
            _ if option.starts_with('-') => {
                let known = "--all, --full-history, --since=, --until=, --author=, a range and the names of refs";
                return Err(Error::config(format!("`{option}` in --log-opts is not known here; there are {known}")));
            }
            _ if option.contains("..") && asked.range.is_none() => asked.range = Some(option.to_owned()),
            _ => asked.branch.push(option.to_owned()),
        }
    }
    if asked.range.is_some() && !asked.branch.is_empty() {
        return Err(Error::config("--log-opts names a range or refs, not both"));
    }
    if args.common.max_target_megabytes > 0 {
        unread("--max-target-megabytes", "objects of a repository are scanned whatever their size");
    }
    say_unread(&args.common);
    git::run(&asked, out)
}

fn whole_history(repository: &Path, args: &GitleaksArgs) -> Result<GitArgs> {
    Ok(GitArgs {
        repository: repository.to_owned(),
        staged: false,
        range: None,
        branch: Vec::new(),
        since: None,
        until: None,
        author: None,
        max_depth: None,
        paths: Vec::new(),
        all_occurrences: false,
        submodules: false,
        // gitleaks knows nothing of ignore files.
        no_ignore: true,
        cache: CacheArgs::default(),
        common: common(args)?,
    })
}

fn scan(target: &Path, args: &GitleaksArgs, out: &mut dyn Write) -> Result<Exit> {
    say_unread(args);
    scan::run(
        &ScanArgs {
            paths: vec![target.to_owned()],
            common: common(args)?,
            // gitleaks knows nothing of ignore files.
            no_ignore: true,
            force_exclude: false,
            max_file_size: Some(args.max_target_megabytes * 1_000_000).filter(|most| *most > 0),
        },
        out,
    )
}

/// What the flags of gitleaks ask for, in ours.
fn common(args: &GitleaksArgs) -> Result<CommonArgs> {
    let list = |path: &Path| if path.is_dir() { path.join(".gitleaksignore") } else { path.to_owned() };
    let ignore_lists: Vec<PathBuf> =
        Some(list(&args.gitleaks_ignore_path)).filter(|path| path.is_file()).into_iter().collect();
    Ok(CommonArgs {
        rules: RuleArgs {
            config: args.config.clone(),
            rule_files: Vec::new(),
            only: args.enable_rule.clone(),
            exclude: Vec::new(),
        },
        format: format(args)?,
        output: args.report_path.clone().unwrap_or_else(|| PathBuf::from("-")),
        baseline: args.baseline_path.clone(),
        write_baseline: None,
        min_severity: None,
        min_confidence: None,
        max_archive_depth: Some(args.max_archive_depth),
        sensitive: false,
        show_secrets: args.show_secrets,
        no_allow: args.ignore_gitleaks_allow,
        exit_code: args.exit_code,
        threads: 0,
        stats: false,
        output_args: OutputArgs {
            quiet: !matches!(args.log_level.as_str(), "trace" | "debug" | "info"),
            verbose: u8::from(args.verbose),
            color: if args.no_color { When::Never } else { When::Auto },
            progress: When::Auto,
        },
        as_gitleaks: Some(AsGitleaks { ignore_lists }),
    })
}

fn format(args: &GitleaksArgs) -> Result<Format> {
    let Some(path) = &args.report_path else { return Ok(Format::Human) };
    let named = args.report_format.as_deref().map(|name| name.trim().to_ascii_lowercase());
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    match named.as_deref().filter(|name| !name.is_empty()).unwrap_or(&extension) {
        "json" => Ok(Format::Gitleaks),
        "csv" => Ok(Format::Csv),
        "sarif" => Ok(Format::Sarif),
        other => Err(Error::config(format!("`{other}` is no format of a report here; there are json, csv and sarif"))),
    }
}

fn say_unread(args: &GitleaksArgs) {
    let unread_args = &args.unread;
    let asked = [
        (
            unread_args.max_decode_depth.is_some_and(|depth| depth != 0),
            "--max-decode-depth",
            "text in UTF-16 is decoded, and no other",
        ),
        (
            unread_args.timeout.is_some_and(|seconds| seconds != 0),
            "--timeout",
            "a scan ends when it is done or interrupted",
        ),
        (unread_args.report_template.is_some(), "--report-template", "there are no templates"),
        (unread_args.diagnostics.is_some() || unread_args.diagnostics_dir.is_some(), "--diagnostics", "there are none"),
        (args.redact.is_some_and(|percent| percent != 100), "--redact", "secrets are masked as always"),
        (
            std::env::var_os("GITLEAKS_CONFIG_TOML").is_some(),
            "GITLEAKS_CONFIG_TOML",
            "write it to a file, for --config",
        ),
    ];
    asked.iter().filter(|(asked, ..)| *asked).for_each(|(_, flag, why)| unread(flag, why));
}

fn unread(flag: &str, why: &str) {
    let _ = writeln!(io::stderr(), "keyscan: {flag} is not read: {why}");
}
