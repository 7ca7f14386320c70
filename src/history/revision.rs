//! Names of commits with steps behind them: `main~2`, `v1.0^2`.

/// The commit of a name, with `~2` and `^` behind it. `start` knows what the name without steps stands for.
pub(super) fn revision<C: Copy>(
    name: &str,
    start: impl FnOnce(&str) -> Option<C>,
    mut parents: impl FnMut(C) -> Vec<C>,
) -> Option<C> {
    let end = name.find(['~', '^']).unwrap_or(name.len());
    let (first, mut steps) = name.split_at(end);
    let mut commit = start(first)?;
    while let Some(step) = steps.chars().next() {
        steps = &steps[1..];
        let digits = steps.find(|c: char| !c.is_ascii_digit()).unwrap_or(steps.len());
        let count: u32 = if digits == 0 { 1 } else { steps[..digits].parse().ok()? };
        steps = &steps[digits..];
        match step {
            '~' => {
                for _ in 0..count {
                    commit = *parents(commit).first()?;
                }
            }
            '^' if count == 0 => {}
            '^' => commit = *parents(commit).get(count as usize - 1)?,
            _ => return None,
        }
    }
    Some(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_lead_to_parents() {
        let parents = |commit: u32| if commit > 1 { vec![commit - 1, commit * 10] } else { Vec::new() };
        let of = |name: &str| revision(name, |name| name.parse().ok(), parents);
        for (name, commit) in [
            ("5", Some(5)),
            ("5~", Some(4)),
            ("5^", Some(4)),
            ("5~2^2", Some(30)),
            ("5^0", Some(5)),
            ("5^2~3", Some(47)),
        ] {
            assert_eq!(of(name), commit, "{name}");
        }
        for name in ["5^3", "1~", "x", "5~x", "5^{tree}", "5~99999999999"] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
