//! The rules of `patterns/`, admitted when keyscan was built and embedded.

#[cfg(feature = "builtin-rules")]
mod embedded {
    use crate::rule::{Rule, RuleSet};

    /// Made by `build.rs`.
    static PACK: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/patterns.pack"));

    impl RuleSet {
        /// The rules that come with keyscan.
        ///
        /// # Panics
        /// Never: the pack is written by the same version that reads it, and a test reads it.
        #[must_use]
        pub fn builtin() -> RuleSet {
            let rules: Vec<Rule> = postcard::from_bytes(PACK).expect("the embedded pack is well-formed");
            RuleSet::of_sorted(rules)
        }
    }
}

#[cfg(all(test, feature = "builtin-rules"))]
mod tests {
    use std::path::Path;

    use crate::RuleSet;

    #[test]
    fn the_embedded_rules_are_those_of_the_files() {
        let mut fresh = RuleSet::new();
        for entry in Path::new(env!("CARGO_MANIFEST_DIR")).join("patterns").read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                fresh.extend(RuleSet::from_file(&path).unwrap().rules().iter().cloned());
            }
        }
        assert!(!fresh.rules().is_empty());
        assert_eq!(RuleSet::builtin().rules(), fresh.rules());
    }
}
