//! The engine: one set of rules, one pass.

pub(crate) mod assign;
mod beside;
mod caches;
mod digest;
mod escaped;
mod foreign;
mod hinder;
mod keyword;
mod lent;
mod lists;
pub(crate) mod matcher;
mod partial;
mod parts;
mod pass;
pub(crate) mod prefilter;
mod rescan;
pub(crate) mod resolve;
mod seen;
mod session;
mod tail;
mod touched;
pub(crate) mod validate;
mod whole;
mod wordset;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use self::caches::{Caches, IdleCaches};
use self::foreign::ForeignRules;
use self::keyword::KeywordIndex;
use self::lists::Lists;
use self::matcher::Matcher;
use self::parts::PartIndex;
use self::pass::Window;
use self::prefilter::{Literal, Prefilter, Run, Tier};
use self::session::State;
use self::tail::TailIndex;
use crate::byteset::ByteSet;
use crate::error::{Error, ErrorKind, Result};
use crate::finding::Finding;
use crate::rule::{Pattern, Rule, RuleSet, WayIn};
use crate::span::Span;

pub(crate) use self::hinder::Hindered;
use self::pass::SHORT_READ;
pub(crate) use self::pass::{Trace, Tried};
pub use self::rescan::{Scanned, Spot};
pub use self::resolve::{DOUBTFUL, SENSITIVE};
pub use self::session::{Coverage, Session, Surroundings};
pub(crate) use self::validate::Judgement;
pub(crate) use self::validate::judge::reasons;

/// What a found literal asks to try. There are some thousand of these, which are looked up everywhere: they are small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// A literal of the match, at a bounded distance from its start.
    Literal { rule: u32, min_before: u32, max_before: u32 },
    /// The same, of a rule of another tool; its number among these.
    Foreign { number: u32, min_before: u32, max_before: u32 },
    /// A word that such a rule asks for.
    Nearby { number: u32 },
    /// A keyword of `len` bytes before the match.
    Keyword { rule: u32, len: u32, distance: u32 },
}

/// A literal, and what is asked to try where it stands.
struct Anchored<'r> {
    bytes: &'r [u8],
    ignore_case: bool,
    target: Target,
    /// What may stand behind it where that is of use.
    behind: ByteSet,
}

impl<'r> Anchored<'r> {
    fn new(bytes: &'r [u8], ignore_case: bool, target: Target) -> Anchored<'r> {
        Anchored { bytes, ignore_case, target, behind: ByteSet::ALL }
    }

    fn literal(&self) -> (&'r [u8], bool) {
        (self.bytes, self.ignore_case)
    }
}

/// The numbers of rules, and offsets in their matches, whose size the rules bound.
fn small(n: usize) -> u32 {
    u32::try_from(n).expect("rules are few, and their matches short")
}

/// The rules, ready to run.
#[derive(Debug)]
struct Engine {
    rules: Vec<Rule>,
    matchers: Vec<Matcher>,
    prefilter: Prefilter,
    /// By the number of the literal.
    targets: Lists<Target>,
    keywords: KeywordIndex,
    foreign: ForeignRules,
    parts: PartIndex,
    /// The rules that know files which hold nothing but their secret.
    secret_files: Vec<usize>,
    /// No match of a rule of our own starts farther than this before its anchor.
    max_before: usize,
    /// The same, for anchors that are not [far](FAR).
    near_before: usize,
    /// No match starts farther than this after a keyword that is its anchor.
    max_after: usize,
    /// Whether there is a value at a start depends on no more bytes before it than this, nor on a word before those. What
    /// the value is worth may depend on more.
    near_behind: u64,
    /// Bytes of runs whose least length is above [`SHORT_READ`](pass::SHORT_READ).
    long_run: ByteSet,
    /// Made for the first text whose end is settled.
    tail: OnceLock<TailIndex>,
    idle: IdleCaches,
}

/// A match that starts farther than this before its anchor is rare, and so is the anchor.
const FAR: usize = 48;

/// Runs of one class are searched for when more rules than this need them.
const FEW: usize = 2;

impl Engine {
    /// `prefilter` makes the prefilter; no engine comes of it where that gives none.
    fn new(rules: Vec<Rule>, prefilter: impl FnOnce(&[Literal], &[Run]) -> Option<Prefilter>) -> Option<Engine> {
        let mut anchored: Vec<Anchored<'_>> = Vec::new();
        // One run for each class, of the shortest length that any rule of it needs: a long run calls it up once.
        let mut runs: BTreeMap<([u8; 32], bool), (Run, Vec<usize>)> = BTreeMap::new();
        let foreign = ForeignRules::new(&rules);
        let (mut max_before, mut near_before, mut max_after, mut by_keyword) = (0, 0, 0, Vec::new());
        for (rule, spec) in rules.iter().enumerate() {
            if let Some(asks) = spec.foreign.as_deref() {
                let number = small(foreign.number(rule));
                anchored.extend(asks.nearby.iter().map(|word| Anchored::new(word, true, Target::Nearby { number })));
                let anchors = if let WayIn::Literals(anchors) = &spec.way_in { anchors.as_slice() } else { &[] };
                anchored.extend(anchors.iter().map(|anchor| {
                    let (min_before, max_before) = (small(anchor.min_before), small(anchor.max_before));
                    let target = Target::Foreign { number, min_before, max_before };
                    Anchored::new(&anchor.bytes, anchor.ignore_case, target)
                }));
                continue;
            }
            match &spec.way_in {
                WayIn::Literals(anchors) => {
                    for anchor in anchors {
                        let (min_before, max_before_) = (anchor.min_before, anchor.max_before);
                        max_before = max_before.max(max_before_);
                        debug_assert!(FAR + anchor.bytes.len() <= SHORT_READ as usize, "literals are short");
                        near_before = near_before.max(Some(max_before_).filter(|before| *before <= FAR).unwrap_or(0));
                        let target = Target::Literal {
                            rule: small(rule),
                            min_before: small(min_before),
                            max_before: small(max_before_),
                        };
                        let fixed = min_before == max_before_;
                        let behind = if fixed { spec.head.at(min_before + anchor.bytes.len()) } else { ByteSet::ALL };
                        anchored.push(Anchored { behind, ..Anchored::new(&anchor.bytes, anchor.ignore_case, target) });
                    }
                }
                &WayIn::Run { class, min_len, drawn } => {
                    let run = Run { class, min_len, drawn };
                    let (shortest, rules) = runs.entry((class.to_bytes(), drawn)).or_insert((run, Vec::new()));
                    shortest.min_len = shortest.min_len.min(min_len);
                    rules.push(rule);
                }
                WayIn::Keywords => by_keyword.push(rule),
                // For rules of other tools only.
                WayIn::Everywhere => {}
            }
        }
        // A search for a class that hardly any rule has costs more than the words that these rules need anyway, unless
        // another search finds their matches as well.
        let mut rare = Vec::new();
        runs.retain(|_, (_, of_run)| {
            let few = of_run.len() <= FEW && of_run.iter().all(|&rule| !rules[rule].keywords.is_empty());
            if few {
                rare.append(of_run);
            }
            !few
        });
        for rule in rare {
            match runs.values_mut().find(|(run, _)| finds_starts(run, &rules[rule])) {
                Some((_, of_run)) => of_run.push(rule),
                None => by_keyword.push(rule),
            }
        }
        for &rule in &by_keyword {
            max_after = max_after.max(rules[rule].distance);
            for word in &rules[rule].keywords {
                let (len, distance) = (small(word.len()), small(rules[rule].distance));
                let target = Target::Keyword { rule: small(rule), len, distance };
                anchored.push(Anchored::new(word.as_bytes(), true, target));
            }
        }
        let long = runs.values().flat_map(|(run, of_run)| of_run.iter().map(|rule| (run.class, &rules[*rule].way_in)));
        let long_run = long.fold(ByteSet::EMPTY, |all, (class, way_in)| match way_in {
            WayIn::Run { min_len, .. } if *min_len as u64 > SHORT_READ => all.union(class),
            _ => all,
        });
        anchored.sort_by_key(Anchored::literal);
        let (mut literals, mut targets) = (Vec::new(), Lists::new());
        for same in anchored.chunk_by(|a, b| a.literal() == b.literal()) {
            let behind = same.iter().fold(ByteSet::EMPTY, |all, one| all.union(one.behind));
            literals.push(Literal { bytes: same[0].bytes.to_vec(), ignore_case: same[0].ignore_case, behind });
            targets.push(same.iter().map(|one| one.target));
        }
        let (runs, run_rules): (Vec<Run>, Vec<Vec<usize>>) = runs.into_values().unzip();
        let keywords = KeywordIndex::new(&rules, runs.iter().zip(run_rules));
        // One byte more tells whether a word starts there.
        let near_behind = keywords.reach.max(max_after as u64).max(assign::MAX_LEAD as u64) + 1;
        let prefilter = prefilter(&literals, &runs)?;
        let matchers = rules.iter().map(|_| Matcher::default()).collect();
        let (tail, parts) = (OnceLock::new(), PartIndex::new(&rules));
        let secret_files = (0..rules.len()).filter(|&rule| rules[rule].file().is_some()).collect();
        Some(Engine {
            rules,
            matchers,
            prefilter,
            targets,
            keywords,
            foreign,
            parts,
            secret_files,
            max_before,
            tail,
            near_before,
            max_after,
            near_behind,
            long_run,
            idle: IdleCaches::default(),
        })
    }
}

/// Whether every believed match of the rule, whose way in is a run, starts where one of these runs starts.
fn finds_starts(run: &Run, rule: &Rule) -> bool {
    let WayIn::Run { class, min_len, drawn } = rule.way_in else { return false };
    run.class.union(class) == run.class
        && run.class.intersection(rule.before).is_empty()
        && run.min_len <= min_len
        && (drawn || !run.drawn)
}

/// Finds secrets. Immutable and cheap to clone; shared by all threads.
#[derive(Debug, Clone)]
pub struct Scanner {
    engine: Arc<Engine>,
    margin: usize,
}

impl Scanner {
    /// A scanner for these rules.
    #[must_use]
    pub fn new(rules: RuleSet) -> Scanner {
        let best = |literals: &[Literal], runs: &[Run]| Some(Prefilter::new(literals, runs));
        let engine = Engine::new(rules.into_rules(), best).expect("every CPU has a prefilter");
        Scanner { engine: Arc::new(engine), margin: 0 }
    }

    /// A scanner whose prefilter is of one tier, or `None` where the CPU lacks it.
    pub(crate) fn with_tier(rules: RuleSet, tier: Tier) -> Option<Scanner> {
        let engine = Engine::new(rules.into_rules(), |literals, runs| Prefilter::with_tier(literals, runs, tier))?;
        Some(Scanner { engine: Arc::new(engine), margin: 0 })
    }

    /// Gives each finding up to `margin` bytes of the text on its both sides. Default 0.
    #[must_use]
    pub fn with_margin(mut self, margin: usize) -> Scanner {
        self.margin = margin;
        self
    }

    /// Compiles every regex now instead of on its first candidate: for those who edit rules.
    ///
    /// # Errors
    /// When a regex takes more memory than a rule may.
    pub fn compile(&self) -> Result<()> {
        self.engine.rules.iter().zip(&self.engine.matchers).try_for_each(|(rule, matcher)| compile(rule, matcher))
    }

    /// The rules, by id; [`Finding::rule`] is an index into them.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.engine.rules
    }

    /// Scans a whole unit, and gives each finding as it is complete.
    pub fn scan_with(
        &self,
        bytes: &[u8],
        scratch: &mut Scratch,
        mut sink: impl FnMut(Finding, Surroundings<'_>),
    ) -> Coverage {
        scratch.prepare(self);
        let window = Window { bytes, base: 0, last: true };
        scratch.state.advance(self, &mut scratch.caches, window, &mut sink);
        scratch.state.coverage()
    }

    /// The findings of a whole unit, in the order of their places.
    #[must_use]
    pub fn scan(&self, bytes: &[u8]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let _complete = self.scan_with(bytes, &mut Scratch::new(), |finding, _| findings.push(finding));
        findings.sort_by_key(|finding| (finding.span, finding.rule));
        findings
    }

    /// Starts the scan of a unit that comes piece by piece.
    #[must_use]
    pub fn session<'s>(&'s self, scratch: &'s mut Scratch) -> Session<'s> {
        Session::new(self, scratch)
    }

    /// All that was tried in a unit, what became of it, and the findings.
    pub(crate) fn trace(&self, bytes: &[u8]) -> (Vec<Trace>, Vec<Finding>) {
        let (mut scratch, mut findings) = (Scratch::new(), Vec::new());
        scratch.state.plain.trace = Some(Vec::new());
        let _complete = self.scan_with(bytes, &mut scratch, |finding, _| findings.push(finding));
        (scratch.state.plain.trace.take().unwrap_or_default(), findings)
    }

    /// Where a rule believes a match to be, in the unit as it stands, whether a finding comes of it or not.
    pub(crate) fn recognised(&self, rule: &Rule, bytes: &[u8]) -> impl Iterator<Item = Span> {
        let number = self.rules().binary_search_by(|own| own.id().cmp(rule.id())).ok();
        self.trace(bytes).0.into_iter().filter_map(move |trace| match trace.outcome {
            Tried::Judged { secret, judgement } if Some(trace.rule) == number => {
                (judgement.confidence >= DOUBTFUL).then_some(secret)
            }
            _ => None,
        })
    }
}

fn compile(rule: &Rule, matcher: &Matcher) -> Result<()> {
    let Pattern::Regex { source, secret_group } = &rule.pattern else { return Ok(()) };
    matcher
        .compile(source, *secret_group)
        .map_err(|why| Error::new(ErrorKind::Rule, format!("the regex cannot be compiled: {why}")).in_rule(&rule.id))
}

/// Whether a rule's regex can be compiled, and why not.
#[cfg_attr(not(feature = "compat"), expect(dead_code, reason = "for rules of other tools"))]
pub(crate) fn check_regex(rule: &Rule) -> Result<()> {
    compile(rule, &Matcher::default())
}

/// What one thread needs to scan: buffers and caches, reused from unit to unit. Cheap to make: caches go from one to the
/// next.
#[derive(Default)]
pub struct Scratch {
    state: State,
    caches: Caches,
    /// The end of the unit that comes piece by piece, and the offset of its first byte.
    buffer: Vec<u8>,
    base: u64,
    /// The engine for which the caches were made.
    engine: Option<Arc<Engine>>,
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It holds text of the unit.
        f.write_str("Scratch")
    }
}

impl Scratch {
    /// A new one; it grows with use.
    #[must_use]
    pub fn new() -> Scratch {
        Scratch::default()
    }

    fn prepare(&mut self, scanner: &Scanner) {
        if !self.engine.as_ref().is_some_and(|engine| Arc::ptr_eq(engine, &scanner.engine)) {
            self.give_back();
            self.engine = Some(Arc::clone(&scanner.engine));
            self.caches = scanner.engine.idle.take();
            self.caches.resize_with(scanner.engine.rules.len(), || None);
        }
        self.state.clear(&scanner.engine);
    }

    fn give_back(&mut self) {
        // What a panic left may be anything.
        if let Some(engine) = self.engine.take().filter(|_| !std::thread::panicking()) {
            engine.idle.give_back(std::mem::take(&mut self.caches));
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.give_back();
    }
}
