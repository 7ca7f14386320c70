//! When a value that expires is refreshed.

use std::time::Duration;

/// No lifetime is believed to be longer.
pub(super) const LONGEST_LIFE: Duration = Duration::from_secs(365 * 86_400);
/// A lifetime below this counts as this, so that a source that says nonsense is not asked without end.
pub(super) const SHORTEST_LIFE: Duration = Duration::from_secs(1);

/// How long after it came a value that lives so long is refreshed: at 80 % of its life or a margin before its end,
/// whichever is earlier. The margin is 60 s or 5 % of the life, or what the user says, up to a fifth of the life.
/// `random`, from 0 to 1, moves the time by up to 10 % either way, but never past 90 % of the life.
pub(super) fn refresh_after(life: Duration, margin: Option<Duration>, random: f64) -> Duration {
    let life = life.clamp(SHORTEST_LIFE, LONGEST_LIFE);
    let at = match margin {
        // A fixed margin is kept exactly but for jitter towards the earlier.
        Some(margin) => {
            let margin = margin.min(life.mul_f64(0.2));
            return (life - margin).mul_f64(1.0 - 0.05 * random);
        }
        None => {
            let margin = Duration::from_secs(60).max(life.mul_f64(0.05)).min(life);
            life.mul_f64(0.8).min(life - margin)
        }
    };
    at.mul_f64(0.9 + 0.2 * random).clamp(life.mul_f64(0.25), life.mul_f64(0.9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refreshes_come_before_the_end() {
        let seconds = Duration::from_secs;
        assert_eq!(refresh_after(seconds(3600), None, 0.5), seconds(2880));
        assert_eq!(refresh_after(seconds(200), None, 0.5), seconds(140));
        assert_eq!(refresh_after(seconds(3600), Some(seconds(300)), 0.0), seconds(3300));
        assert_eq!(refresh_after(seconds(300), Some(seconds(300)), 0.0), seconds(240));
        for life in [0, 1, 2, 30, 60, 61, 90, 300, 3600, 86_400, u64::MAX / 4] {
            for random in [0.0, 0.3, 1.0] {
                for margin in [None, Some(seconds(300)), Some(seconds(0))] {
                    let at = refresh_after(seconds(life), margin, random);
                    let life = seconds(life).clamp(SHORTEST_LIFE, LONGEST_LIFE);
                    assert!(at <= life && at >= life.mul_f64(0.2), "{life:?} {margin:?} {at:?}");
                }
            }
        }
    }
}
