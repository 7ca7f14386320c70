//! The rules of `patterns/`, embedded.

#[cfg(feature = "builtin-rules")]
mod embedded {
    use std::path::Path;

    use crate::error::Result;
    use crate::rule::RuleSet;

    include!(concat!(env!("OUT_DIR"), "/patterns.rs"));

    impl RuleSet {
        /// The rules that come with keyscan.
        ///
        /// # Panics
        /// Never: a test admits every embedded rule.
        #[must_use]
        pub fn builtin() -> RuleSet {
            RuleSet::try_builtin().expect("the embedded rules are admitted")
        }

        /// The rules that come with keyscan, or the reason why one was refused: for those who edit them.
        ///
        /// # Errors
        /// When a file is not well-formed or a rule is not admitted.
        pub fn try_builtin() -> Result<RuleSet> {
            let mut all = Vec::new();
            for (name, text) in FILES {
                all.extend(RuleSet::from_toml(Path::new(name), text)?.rules);
            }
            crate::rule::no_duplicates(&all)?;
            let mut set = RuleSet::new();
            set.extend(all);
            Ok(set)
        }
    }
}

#[cfg(all(test, feature = "builtin-rules"))]
mod tests {
    use crate::RuleSet;

    #[test]
    fn every_embedded_rule_is_admitted() {
        if let Err(error) = RuleSet::try_builtin() {
            panic!("{error}");
        }
    }
}
