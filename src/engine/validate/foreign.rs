//! The conditions of rules of other tools, by the definitions of these tools.

use super::{Judgement, REFUTED, Verdicts};
use crate::finding::Verdict;
use crate::rule::{EntropyBar, Foreign, Needs};

/// Judges a secret that a rule of another tool found. One of no confidence at all is none to that tool.
pub(crate) fn judge(foreign: &Foreign, confidence: f32, secret: &[u8]) -> Judgement {
    let refuted = |verdict| Judgement { confidence: REFUTED, verdicts: Verdicts::from(verdict) };
    if let Some(EntropyBar { bar, inclusive }) = foreign.entropy {
        let entropy = entropy(secret);
        let passes = entropy > bar || (inclusive && entropy == bar);
        if !passes {
            return refuted(Verdict::LowEntropy);
        }
    }
    if !has(&foreign.needs, secret) {
        return refuted(Verdict::Placeholder);
    }
    Judgement { confidence, verdicts: Verdicts::default() }
}

/// Shannon entropy as these tools compute it: characters are counted, and their shares are of the number of bytes.
pub(crate) fn entropy(secret: &[u8]) -> f64 {
    let len = secret.len() as f64;
    let share = |count: u32| {
        let share = f64::from(count) / len;
        -share * share.log2()
    };
    if secret.is_ascii() {
        let mut counts = [0u32; 128];
        secret.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
        return counts.into_iter().filter(|&count| count > 0).map(share).sum();
    }
    let mut counts = std::collections::BTreeMap::new();
    String::from_utf8_lossy(secret).chars().for_each(|c| *counts.entry(c).or_insert(0u32) += 1);
    counts.into_values().map(share).sum()
}

/// Shannon entropy in bits per byte, of bytes.
#[cfg_attr(not(feature = "compat"), expect(dead_code, reason = "for expressions of other tools"))]
pub(crate) fn byte_entropy(text: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    text.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    let share = |count: u32| f64::from(count) / text.len() as f64;
    counts.into_iter().filter(|&count| count > 0).map(|count| -share(count) * share(count).log2()).sum()
}

fn has(needs: &Needs, secret: &[u8]) -> bool {
    let count = |is: &dyn Fn(u8) -> bool| secret.iter().filter(|&&byte| is(byte)).count();
    let special = |byte: u8| match &needs.special_set {
        Some(set) => set.contains(&byte),
        None => byte.is_ascii_punctuation(),
    };
    let lower = || secret.to_ascii_lowercase();
    needs.digits <= count(&|byte| byte.is_ascii_digit())
        && needs.upper <= count(&|byte| byte.is_ascii_uppercase())
        && needs.lower <= count(&|byte| byte.is_ascii_lowercase())
        && (needs.special == 0 || needs.special <= count(&special))
        && (needs.without.is_empty() || {
            let lower = lower();
            !needs.without.iter().any(|word| memchr::memmem::find(&lower, word).is_some())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_counts_characters_and_divides_by_bytes() {
        assert_eq!(entropy(b"abcd"), 2.0);
        assert_eq!(entropy(b"aaaa"), 0.0);
        // Two characters in four bytes: each has a share of a quarter.
        assert_eq!(entropy("\u{e9}\u{e8}".as_bytes()), 1.0);
    }

    #[test]
    fn what_a_secret_needs_is_counted() {
        let needs = |needs: Needs, secret: &str| has(&needs, secret.as_bytes());
        assert!(needs(Needs { digits: 2, upper: 1, ..Needs::default() }, "a1B2"));
        assert!(!needs(Needs { digits: 3, ..Needs::default() }, "a1B2"));
        assert!(needs(Needs { special: 1, special_set: Some(b"-".to_vec()), ..Needs::default() }, "a-"));
        assert!(!needs(Needs { special: 1, special_set: Some(b"+".to_vec()), ..Needs::default() }, "a-"));
        assert!(!needs(Needs { without: vec![b"test".to_vec()], ..Needs::default() }, "myTESTkey"));
    }
}
