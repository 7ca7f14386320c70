//! `.gitleaks.toml` and `.betterleaks.toml`.
//!
//! Keys are read in any case, as gitleaks does. A file may build on another one, and on the rules that come with the
//! tool; for these the rules that come with keyscan stand in.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use super::filter::{Allowlist, Filter, RegexTarget, compile};
use super::policy::{Required, RulePolicy};
use super::{Imported, Note, Weight, equivalents, expr::Expr, go, line_of, read, syntax};
use crate::error::Result;
use crate::rule::{EntropyBar, Foreign, ForeignSpec, Needs, SecretPart, Severity};

/// How many files may build on one another; gitleaks reads no more.
const MAX_FILES: usize = 3;
/// The keys that make a TOML file one of these; `rules` is one where it holds tables.
const KEYS: &[&str] =
    &["extend", "allowlist", "allowlists", "title", "minversion", "betterleaksminversion", "prefilter", "filter"];

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct File {
    extend: Extend,
    rules: Vec<RuleSpec>,
    allowlist: Option<AllowSpec>,
    allowlists: Vec<AllowSpec>,
    prefilter: String,
    filter: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Extend {
    path: String,
    url: String,
    usedefault: bool,
    disabledrules: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct RuleSpec {
    id: String,
    description: String,
    regex: String,
    path: String,
    secretgroup: usize,
    entropy: f64,
    keywords: Vec<String>,
    allowlist: Option<AllowSpec>,
    allowlists: Vec<AllowSpec>,
    required: Vec<RequiredSpec>,
    skipreport: bool,
    tokenefficiency: bool,
    filter: String,
    confidence: String,
    components: Vec<RequiredSpec>,
    /// Where it was read.
    #[serde(skip)]
    line: Option<usize>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct AllowSpec {
    targetrules: Vec<String>,
    condition: String,
    commits: Vec<String>,
    paths: Vec<String>,
    regextarget: String,
    regexes: Vec<String>,
    stopwords: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct RequiredSpec {
    id: String,
    withinlines: Option<u64>,
    withincolumns: Option<u64>,
}

/// Whether a TOML text is a file of this kind.
pub(super) fn is_one(text: &str) -> bool {
    let Ok(table) = text.parse::<Table>() else {
        // What is broken is for its own reader to refuse.
        return false;
    };
    table.iter().any(|(key, value)| {
        let key = key.to_ascii_lowercase();
        let rules = || value.as_array().is_some_and(|rules| rules.first().is_some_and(Value::is_table));
        KEYS.contains(&key.as_str()) || (key == "rules" && rules())
    })
}

pub(super) fn import(path: &Path, text: &str) -> Result<Imported> {
    let mut imported = Imported { builtin: Some(false), ..Imported::default() };
    let mut reader = Reader { imported: &mut imported, rules: BTreeMap::new(), targeted: Vec::new() };
    reader.file(path, text, 1)?;
    let (rules, targeted) = (reader.rules, reader.targeted);
    let mut own = Vec::new();
    for (_, rule) in rules {
        if let Some(rule) = imported.rule(path, rule)? {
            own.push(rule);
        }
    }
    for (id, filter) in targeted {
        imported.target(path, &id, &filter, &own);
    }
    imported.check_required(path);
    Ok(imported)
}

/// Gathers what a file and those it builds on say.
struct Reader<'i> {
    imported: &'i mut Imported,
    rules: BTreeMap<String, RuleSpec>,
    targeted: Vec<(String, Filter)>,
}

impl Reader<'_> {
    fn note(&mut self, path: &Path, weight: Weight, rule: Option<&str>, text: impl Into<String>) {
        let (path, rule) = (path.to_owned(), rule.map(str::to_owned));
        self.imported.notes.push(Note { path, line: None, rule, weight, text: text.into() });
    }

    fn file(&mut self, path: &Path, text: &str, depth: usize) -> Result<()> {
        let parsed = parse(text)?;
        let File { extend, mut rules, allowlist, mut allowlists, prefilter, filter } = parsed.file;
        for (rule, key) in parsed.unknown {
            self.note(path, Weight::Refused, rule.as_deref(), format!("the key `{key}` is not read"));
        }
        self.imported.policy.own_files.push(path.to_owned());
        if !extend.path.is_empty() && extend.usedefault {
            return Err(syntax("`extend` has both `path` and `useDefault`; gitleaks takes one of them"));
        }
        allowlists.extend(allowlist);
        for spec in allowlists {
            let filter = Filter::Allowlist(allow_list(&spec).map_err(|why| syntax(format!("`allowlists`: {why}")))?);
            if spec.targetrules.is_empty() {
                self.imported.policy.global.push(filter);
            } else {
                self.targeted.extend(spec.targetrules.into_iter().map(|id| (id, filter.clone())));
            }
        }
        for (name, source) in [("prefilter", prefilter), ("filter", filter)] {
            if let Some(filter) = self.imported.expression(path, None, name, &source) {
                self.imported.policy.global.push(filter);
            }
        }
        for rule in &mut rules {
            rule.line = line_of(text, &rule.id);
        }
        // The nearer file's word counts; in one file the later one's.
        let mut own: BTreeMap<String, RuleSpec> = BTreeMap::new();
        for rule in rules {
            if rule.id.trim().is_empty() {
                return Err(syntax("a rule has no `id`"));
            }
            own.insert(rule.id.clone(), rule);
        }
        for (id, rule) in own {
            let known = self.rules.remove(&id);
            self.rules.insert(id, known.map_or(rule.clone(), |nearer| merge(nearer, rule)));
        }
        self.extend(path, extend, depth)
    }

    fn extend(&mut self, path: &Path, extend: Extend, depth: usize) -> Result<()> {
        if !extend.url.is_empty() {
            self.note(
                path,
                Weight::Refused,
                None,
                "`extend.url` is not read: nothing is fetched while secrets are looked for",
            );
        }
        if extend.usedefault {
            self.imported.builtin = Some(true);
            let text = "`useDefault`: the rules that come with keyscan stand in for those of the other tool, and that names of \
                        variables are no secrets for what it lets pass";
            self.imported.policy.global.push(Filter::References);
            self.note(path, Weight::Differs, None, text);
            for id in extend.disabledrules {
                let ours = equivalents::of(&id);
                if ours.is_empty() {
                    let text = "`disabledRules`: keyscan has no rule that is plainly the same; use `exclude-rules` of keyscan.toml";
                    self.note(path, Weight::Refused, Some(&id), text);
                }
                self.imported.policy.disabled.extend(ours.iter().map(|&id| id.to_owned()));
            }
        } else if !extend.path.is_empty() {
            if depth == MAX_FILES {
                self.note(
                    path,
                    Weight::Refused,
                    None,
                    format!("`extend.path`: more than {MAX_FILES} files are not read"),
                );
                return Ok(());
            }
            let beside = path.parent().unwrap_or(Path::new("")).join(&extend.path);
            let base = if beside.exists() { beside } else { extend.path.clone().into() };
            let text = read(&base)?;
            let known: Vec<String> = self.rules.keys().cloned().collect();
            self.file(&base, text.trim_start_matches('\u{FEFF}'), depth + 1).map_err(|error| error.in_file(&base))?;
            for id in extend.disabledrules {
                if !known.contains(&id) && self.rules.remove(&id).is_none() {
                    self.note(path, Weight::Differs, Some(&id), "`disabledRules`: there is no such rule to disable");
                }
            }
        }
        Ok(())
    }
}

/// What a nearer file says of a rule goes before what the farther one says; lists are put together.
fn merge(mut nearer: RuleSpec, farther: RuleSpec) -> RuleSpec {
    let text = |nearer: String, farther: String| if nearer.is_empty() { farther } else { nearer };
    nearer.description = text(nearer.description, farther.description);
    nearer.regex = text(nearer.regex, farther.regex);
    nearer.path = text(nearer.path, farther.path);
    nearer.filter = text(nearer.filter, farther.filter);
    if nearer.secretgroup == 0 {
        nearer.secretgroup = farther.secretgroup;
    }
    if nearer.entropy == 0.0 {
        nearer.entropy = farther.entropy;
    }
    nearer.keywords.extend(farther.keywords);
    nearer.allowlists.extend(nearer.allowlist.take().into_iter().chain(farther.allowlist).chain(farther.allowlists));
    if nearer.required.is_empty() {
        nearer.required = farther.required;
    }
    nearer.skipreport |= farther.skipreport;
    nearer.tokenefficiency |= farther.tokenefficiency;
    nearer
}

impl Imported {
    fn note(&mut self, path: &Path, weight: Weight, rule: &RuleSpec, text: impl Into<String>) {
        let (path, rule, line) = (path.to_owned(), Some(rule.id.clone()), rule.line);
        self.notes.push(Note { path, line, rule, weight, text: text.into() });
    }

    fn expression(&mut self, path: &Path, rule: Option<&RuleSpec>, name: &str, source: &str) -> Option<Filter> {
        if source.trim().is_empty() {
            return None;
        }
        let note = |weight, text| Note {
            path: path.to_owned(),
            line: rule.and_then(|rule| rule.line),
            rule: rule.map(|rule| rule.id.clone()),
            weight,
            text,
        };
        match Expr::parse(source) {
            Ok(expr) => {
                let notes: Vec<Note> =
                    expr.notes().iter().map(|text| note(Weight::Differs, format!("`{name}`: {text}"))).collect();
                self.notes.extend(notes);
                Some(Filter::Expr(expr))
            }
            Err(why) => {
                let text = format!("`{name}` is not read, and lets nothing pass: {why}");
                self.notes.push(note(Weight::Refused, text));
                None
            }
        }
    }

    /// Reads a rule; gives its id back where it is one of this file's own.
    fn rule(&mut self, path: &Path, mut spec: RuleSpec) -> Result<Option<String>> {
        let mut policy = RulePolicy { silent: spec.skipreport, ..RulePolicy::default() };
        let of_rule = |why: String| syntax(why).in_rule(&spec.id);
        if !spec.path.is_empty() {
            policy.path = Some(compile(&spec.path).map_err(|why| of_rule(format!("`path`: {why}")))?);
        }
        for list in spec.allowlists.iter().chain(&spec.allowlist) {
            let list = allow_list(list).map_err(|why| of_rule(format!("`allowlists`: {why}")))?;
            policy.filters.push(Filter::Allowlist(list));
        }
        for required in &spec.required {
            if required.id.is_empty() {
                return Err(of_rule("a `required` rule has no `id`".to_owned()));
            }
            let (within_lines, within_columns) = (required.withinlines, required.withincolumns);
            policy.required.push(Required { rule: required.id.clone(), within_lines, within_columns });
        }
        policy.filters.extend(self.expression(path, Some(&spec), "filter", &spec.filter));
        if spec.tokenefficiency {
            let text = "`tokenEfficiency`: keyscan's own test of randomness stands in";
            self.note(path, Weight::Differs, &spec, text);
            let expr = Expr::parse(r#"filter.failsTokenEfficiency(finding["secret"])"#).map_err(syntax)?;
            policy.filters.push(Filter::Expr(expr));
        }
        for component in &spec.components {
            let text = format!("`components` only feeds validation: `{}` is not waited for", component.id);
            self.note(path, Weight::Differs, &spec, text);
        }
        let confidence = match spec.confidence.to_ascii_lowercase().as_str() {
            "" | "high" => 0.9,
            "medium" => 0.75,
            "low" => 0.5,
            other => {
                return Err(of_rule(format!("the confidence `{other}` is not known; there are low, medium and high")));
            }
        };
        let ours = equivalents::of(&spec.id);
        let ours = ours.as_slice();
        if spec.regex.is_empty() {
            if self.builtin == Some(true) && spec.path.is_empty() {
                self.adjust(path, &spec, &policy, ours);
            } else if spec.path.is_empty() {
                return Err(of_rule("it has neither `regex` nor `path`, and matches nothing".to_owned()));
            } else {
                let text = "it is not run: it looks at the names of files only, and keyscan looks at what is in them";
                self.note(path, Weight::Refused, &spec, text);
            }
            return Ok(None);
        }
        if self.builtin == Some(true) && !ours.is_empty() {
            self.note(path, Weight::Differs, &spec, format!("it stands in for {}", ours.join(", ")));
            self.policy.disabled.extend(ours.iter().map(|&id| id.to_owned()));
        }
        let regex = match go::translate(&spec.regex) {
            Ok(regex) => regex,
            Err(why) => {
                self.note(path, Weight::Refused, &spec, format!("it is not run: `regex`: {why}"));
                return Ok(None);
            }
        };
        let secret = match spec.secretgroup {
            0 => SecretPart::FirstGroup,
            group => SecretPart::Group(group),
        };
        let description =
            if spec.description.is_empty() { spec.id.clone() } else { std::mem::take(&mut spec.description) };
        let foreign = ForeignSpec {
            id: spec.id.clone(),
            description,
            tool: ("gitleaks", "gitleaks rule"),
            severity: Severity::High,
            confidence,
            regex,
            foreign: Foreign {
                secret,
                entropy: (spec.entropy != 0.0).then_some(EntropyBar { bar: spec.entropy, inclusive: false }),
                nearby: spec.keywords.iter().map(|word| word.to_lowercase().into_bytes()).collect(),
                needs: Needs::default(),
            },
        };
        if !self.admit(foreign, path, spec.line) {
            return Ok(None);
        }
        self.policy.rules.insert(spec.id.clone(), policy);
        Ok(Some(spec.id))
    }

    /// A rule without regex changes one of those that come with the tool.
    fn adjust(&mut self, path: &Path, spec: &RuleSpec, policy: &RulePolicy, ours: &[&str]) {
        if ours.is_empty() {
            let text = "it changes a rule that comes with the other tool, and keyscan has none that is plainly the same; \
                        use `[[path]]` or `exclude-rules` of keyscan.toml";
            return self.note(path, Weight::Refused, spec, text);
        }
        if spec.entropy != 0.0 || !spec.keywords.is_empty() || spec.secretgroup != 0 || !policy.required.is_empty() {
            let text = "it changes a rule that comes with the other tool: only what it lets pass is read";
            self.note(path, Weight::Refused, spec, text);
        }
        self.note(path, Weight::Differs, spec, format!("what it lets pass passes for {}", ours.join(", ")));
        for &id in ours {
            self.policy.rules.entry(id.to_owned()).or_default().filters.extend(policy.filters.iter().cloned());
        }
    }

    /// Hangs an allowlist on the rule that it names.
    fn target(&mut self, path: &Path, id: &str, filter: &Filter, own: &[String]) {
        let ours = equivalents::of(id);
        let targets: Vec<&str> = if own.iter().any(|known| known == id) { vec![id] } else { ours.to_vec() };
        if targets.is_empty() {
            let (rule, text) = (Some(id.to_owned()), "`targetRules`: there is no such rule here".to_owned());
            self.notes.push(Note { path: path.to_owned(), line: None, rule, weight: Weight::Refused, text });
        }
        for target in targets {
            self.policy.rules.entry(target.to_owned()).or_default().filters.push(filter.clone());
        }
    }

    /// A rule that needs one that is not run finds nothing, and that is said.
    fn check_required(&mut self, path: &Path) {
        let runs = |id: &str| self.rules.iter().any(|rule| rule.id() == id);
        let mut notes = Vec::new();
        for rule in &self.rules {
            let Some(policy) = self.policy.rules.get(rule.id()) else { continue };
            for required in policy.required.iter().filter(|required| !runs(&required.rule)) {
                let text = format!("it is not run: it requires `{}`, which is not there or not run", required.rule);
                let rule = Some(rule.id().to_owned());
                notes.push(Note { path: path.to_owned(), line: None, rule, weight: Weight::Refused, text });
            }
        }
        let refused = |id: &str| notes.iter().any(|note| note.rule.as_deref() == Some(id));
        self.rules.retain(|rule| !refused(rule.id()));
        self.notes.extend(notes);
    }
}

struct Parsed {
    file: File,
    /// Rules and keys of theirs that are not known.
    unknown: Vec<(Option<String>, String)>,
}

fn parse(text: &str) -> Result<Parsed> {
    let table: Table = toml::from_str(text).map_err(syntax)?;
    let table = lower_keys(Value::Table(table));
    let mut unknown = Vec::new();
    let top = [
        "title",
        "description",
        "extend",
        "rules",
        "allowlist",
        "allowlists",
        "minversion",
        "betterleaksminversion",
        "prefilter",
        "filter",
    ];
    let rule_keys = [
        "id",
        "description",
        "regex",
        "path",
        "secretgroup",
        "entropy",
        "keywords",
        "tags",
        "allowlist",
        "allowlists",
        "required",
        "skipreport",
        "tokenefficiency",
        "filter",
        "validate",
        "specificity",
        "confidence",
        "components",
    ];
    let list_keys =
        ["description", "targetrules", "condition", "commits", "paths", "regextarget", "regexes", "stopwords"];
    let mut look = |rule: Option<&str>, value: Option<&Value>, known: &[&str]| {
        let keys = value.and_then(Value::as_table).into_iter().flat_map(Table::keys);
        unknown.extend(
            keys.filter(|key| !known.contains(&key.as_str())).map(|key| (rule.map(str::to_owned), key.clone())),
        );
    };
    let each = |value: Option<&Value>| -> Vec<Value> { value.and_then(Value::as_array).cloned().unwrap_or_default() };
    look(None, Some(&table), &top);
    let mut lists = |rule: Option<&str>, of: &Value| {
        look(rule, of.get("allowlist"), &list_keys);
        each(of.get("allowlists")).iter().for_each(|list| look(rule, Some(list), &list_keys));
    };
    lists(None, &table);
    for rule in each(table.get("rules")) {
        let id = rule.get("id").and_then(Value::as_str);
        lists(id, &rule);
    }
    for rule in each(table.get("rules")) {
        look(rule.get("id").and_then(Value::as_str), Some(&rule), &rule_keys);
    }
    let file = table.try_into().map_err(syntax)?;
    Ok(Parsed { file, unknown })
}

fn lower_keys(value: Value) -> Value {
    match value {
        Value::Table(table) => {
            Value::Table(table.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), lower_keys(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(lower_keys).collect()),
        value => value,
    }
}

fn allow_list(spec: &AllowSpec) -> std::result::Result<Allowlist, String> {
    let all = match spec.condition.to_ascii_uppercase().as_str() {
        "" | "OR" | "||" => false,
        "AND" | "&&" => true,
        _ => return Err(format!("the condition `{}` is not known; there are `OR` and `AND`", spec.condition)),
    };
    let target = match spec.regextarget.as_str() {
        "" | "secret" => RegexTarget::Secret,
        "match" => RegexTarget::Match,
        "line" => RegexTarget::Line,
        other => return Err(format!("the target `{other}` is not known; there are `secret`, `match` and `line`")),
    };
    let compiled = |sources: &[String]| -> std::result::Result<Vec<_>, String> {
        sources.iter().map(|source| compile(source).map_err(|why| format!("the regex `{source}`: {why}"))).collect()
    };
    let list = Allowlist {
        all,
        target,
        commits: spec.commits.iter().map(|commit| commit.trim().to_ascii_lowercase()).collect(),
        paths: compiled(&spec.paths)?,
        regexes: compiled(&spec.regexes)?,
        stopwords: spec.stopwords.iter().map(|word| word.to_lowercase().into_bytes()).collect(),
    };
    if list.commits.is_empty() && list.paths.is_empty() && list.regexes.is_empty() && list.stopwords.is_empty() {
        return Err("a list has none of `commits`, `paths`, `regexes` and `stopwords`".to_owned());
    }
    Ok(list)
}
