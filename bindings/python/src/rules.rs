//! Rules, and samples of them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use keyscan::config::names_rule;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;

use crate::errors;

/// What is told of a rule.
#[pyclass(frozen, module = "keyscan", skip_from_py_object)]
pub(crate) struct Rule(keyscan::Rule);

#[pymethods]
impl Rule {
    /// The id: `github-pat`.
    #[getter]
    fn id(&self) -> &str {
        self.0.id()
    }

    /// The id of the provider: `github`.
    #[getter]
    fn provider(&self) -> &str {
        self.0.provider()
    }

    /// What it finds.
    #[getter]
    fn description(&self) -> &str {
        self.0.description()
    }

    /// How it tells a secret: `distinctive`, `contextual` and the like; `identifier` are parts of credentials that are no
    /// secrets, and are found only beside these.
    #[getter]
    fn kind(&self) -> &'static str {
        self.0.kind().as_str()
    }

    /// How much harm a finder can do: `low`, `medium`, `high` or `critical`.
    #[getter]
    fn severity(&self) -> &'static str {
        self.0.severity().as_str()
    }

    fn __repr__(&self) -> String {
        format!("Rule({})", self.0.id())
    }
}

/// A set of rules. Immutable.
#[pyclass(frozen, module = "keyscan", skip_from_py_object)]
#[derive(Clone)]
pub(crate) struct RuleSet(pub(crate) keyscan::RuleSet);

/// The built-in rules.
pub(crate) fn builtin() -> &'static keyscan::RuleSet {
    static RULES: OnceLock<keyscan::RuleSet> = OnceLock::new();
    RULES.get_or_init(keyscan::RuleSet::builtin)
}

/// These rules, or the built-in ones.
pub(crate) fn or_builtin(rules: Option<&RuleSet>) -> keyscan::RuleSet {
    rules.map_or_else(|| builtin().clone(), |rules| rules.0.clone())
}

#[pymethods]
impl RuleSet {
    /// No rules: only known secrets are hidden then.
    #[new]
    fn new() -> RuleSet {
        RuleSet(keyscan::RuleSet::new())
    }

    /// The rules that come with keyscan.
    #[staticmethod]
    fn builtin() -> RuleSet {
        RuleSet(builtin().clone())
    }

    /// The rules of a text in the format of rule files.
    #[staticmethod]
    #[pyo3(signature = (text, name="<rules>"))]
    fn from_toml(text: &str, name: &str) -> PyResult<RuleSet> {
        keyscan::RuleSet::from_toml(Path::new(name), text).map(RuleSet).map_err(|error| errors::of_library(&error))
    }

    /// The rules of a file.
    #[staticmethod]
    fn from_file(path: PathBuf) -> PyResult<RuleSet> {
        keyscan::RuleSet::from_file(&path).map(RuleSet).map_err(|error| errors::of_library(&error))
    }

    /// These rules and those of another set, whose rules take the place of those of the same id.
    fn extended(&self, other: &RuleSet) -> RuleSet {
        let mut rules = self.0.clone();
        rules.extend(other.0.rules().iter().cloned());
        RuleSet(rules)
    }

    /// The rules that one of `only` names, and none of `without`: ids, or `provider-*`.
    #[pyo3(signature = (only=None, without=Vec::new()))]
    fn selected(&self, only: Option<Vec<String>>, without: Vec<String>) -> PyResult<RuleSet> {
        let mut rules = self.0.clone();
        let unknown = only
            .iter()
            .flatten()
            .chain(&without)
            .find(|name| !rules.rules().iter().any(|rule| names_rule(name, rule.id())));
        if let Some(name) = unknown {
            return Err(PyKeyError::new_err(format!("no rule is named {name}")));
        }
        rules.retain(|rule| {
            let named = |names: &[String]| names.iter().any(|name| names_rule(name, rule.id()));
            only.as_deref().is_none_or(named) && !named(&without)
        });
        Ok(RuleSet(rules))
    }

    /// All of them, by id.
    fn rules(&self) -> Vec<Rule> {
        self.0.rules().iter().cloned().map(Rule).collect()
    }

    fn __len__(&self) -> usize {
        self.0.rules().len()
    }

    fn __contains__(&self, id: &str) -> bool {
        self.0.get(id).is_some()
    }

    fn __getitem__(&self, id: &str) -> PyResult<Rule> {
        self.0.get(id).cloned().map(Rule).ok_or_else(|| PyKeyError::new_err(id.to_owned()))
    }

    fn __repr__(&self) -> String {
        format!("RuleSet({} rules)", self.0.rules().len())
    }
}

/// A made-up text with a secret of a built-in rule in it, and the secret: for tests. The same number makes the same.
#[pyfunction]
#[pyo3(signature = (rule, number=0))]
pub(crate) fn sample(rule: &str, number: u64) -> PyResult<(Vec<u8>, Vec<u8>)> {
    let rule = builtin().get(rule).ok_or_else(|| PyKeyError::new_err(rule.to_owned()))?;
    let samples = rule.samples();
    let sample = samples.first().ok_or_else(|| PyKeyError::new_err(rule.id().to_owned()))?;
    let filled = sample.fill(number, rule.checksum());
    let secret = filled.text[filled.secret].to_vec();
    Ok((filled.text, secret))
}
