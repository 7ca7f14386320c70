//! What the model saw, in words.

use super::features::Kind;

/// The `count` groups of features that weigh most, in words.
pub(super) fn most(features: Vec<(Kind, String, String, f32)>, count: usize) -> Vec<(String, f32)> {
    let mut groups: Vec<(String, f32)> = Vec::new();
    for (kind, first, second, weight) in features {
        let words = words(kind, &first, &second);
        match groups.iter_mut().find(|(there, _)| *there == words) {
            Some((_, sum)) => *sum += weight,
            None => groups.push((words, weight)),
        }
    }
    groups.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then_with(|| a.0.cmp(&b.0)));
    groups.truncate(count);
    groups
}

fn words(kind: Kind, first: &str, second: &str) -> String {
    match kind {
        Kind::Word | Kind::Tail => format!("its name says \"{first}\""),
        Kind::Pair => format!("its name ends in \"{}\"", [first, second].join(" ").trim_start()),
        Kind::Last => format!("its name ends in \"{first}\""),
        Kind::LastBits | Kind::LastSize | Kind::LastClasses | Kind::LastForm => {
            format!("values of its form under {}", role(first))
        }
        Kind::Named => "it repeats a word of its name".to_owned(),
        Kind::Case => format!("its name is written in {first} letters"),
        Kind::Operator | Kind::OperatorQuote => format!("it stands behind `{first}`"),
        Kind::OperatorBits => format!("how random it looks behind `{first}`"),
        Kind::Quote => match first {
            "bare" => "it has no quotes".to_owned(),
            "list" => "it is a list".to_owned(),
            _ => format!("its quotes are {first}"),
        },
        Kind::QuoteBits | Kind::QuoteClasses | Kind::FormQuote => "its form in these quotes".to_owned(),
        Kind::Follows => "what follows it".to_owned(),
        Kind::Before | Kind::BeforeQuote if first == "start" => "nothing stands before its name".to_owned(),
        Kind::Before | Kind::BeforeQuote => format!("\"{first}\" stands before its name"),
        Kind::Comment => "it stands in a comment".to_owned(),
        Kind::Wrapper => format!("`{first}` stands around it"),
        Kind::Size => "its length".to_owned(),
        Kind::Bits | Kind::BitsSize | Kind::BitsClasses => "how little it reads like words".to_owned(),
        Kind::Classes | Kind::Distinct | Kind::Changes | Kind::Digits | Kind::Gram => {
            "its mixture of letters, digits and signs".to_owned()
        }
        Kind::Form => format!("its form: {first}"),
        Kind::Holds => format!("it holds \"{first}\""),
        Kind::Sign | Kind::First => format!("its sign `{first}`"),
    }
}

/// What a name promises, in words.
fn role(role: &str) -> String {
    match role.split_once(':') {
        Some((word, "alone")) => format!("\"{word}\" alone"),
        Some((word, "of-secrets")) => format!("a secret \"{word}\""),
        Some((word, _)) => format!("a \"{word}\" of something"),
        None => format!("\"{role}\""),
    }
}
