//! Points in time as people write them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970 of `2026-01-31`, `2026-01-31T10:20:30Z`, `2026-01-31 10:20 +0100`, `@1700000000`, `2 weeks`,
/// `3 days ago`. A day starts at midnight UTC.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    parse_at(text.trim(), now).ok_or_else(|| {
        "a time is a date (2026-01-31), a date and a time of day (2026-01-31T10:20:30Z), or an age (2 weeks)".to_owned()
    })
}

/// `2026-01-31T10:20:30Z`
#[cfg(feature = "verify")]
pub(crate) fn format(seconds: u64) -> String {
    let day = keyscan::gate::Date::from_unix_seconds(seconds);
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{day}T{hours:02}:{minutes:02}:{:02}Z", seconds % 60)
}

fn parse_at(text: &str, now: i64) -> Option<i64> {
    if let Some(seconds) = text.strip_prefix('@') {
        return seconds.parse().ok();
    }
    if let Some(age) = age(text) {
        return now.checked_sub(age);
    }
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.split('-');
    let mut number = |len: usize| -> Option<i64> {
        let part = parts.next()?;
        (part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse().ok())?
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let days = days_since_1970(year, month, day);
    let rest = rest.strip_prefix(['T', ' ']).unwrap_or(rest).trim();
    let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_at);
    Some(days * 86_400 + clock_seconds(clock.trim())? - zone_seconds(zone)?)
}

fn age(text: &str) -> Option<i64> {
    let text = text.strip_suffix("ago").unwrap_or(text).trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).filter(|at| *at > 0)?;
    let seconds = match text[digits..].trim().trim_end_matches('s') {
        "second" => 1,
        "minute" => 60,
        "hour" | "h" => 3600,
        "day" | "d" => 86_400,
        "week" | "w" => 7 * 86_400,
        "month" => 30 * 86_400,
        "year" | "y" => 365 * 86_400,
        _ => return None,
    };
    text[..digits].parse::<i64>().ok()?.checked_mul(seconds)
}

fn clock_seconds(clock: &str) -> Option<i64> {
    if clock.is_empty() {
        return Some(0);
    }
    let mut seconds = 0;
    let mut fields = 0;
    for field in clock.split(':') {
        let field: i64 = field.split('.').next()?.parse().ok().filter(|field| (0..=60).contains(field))?;
        seconds = seconds * 60 + field;
        fields += 1;
    }
    match fields {
        2 => Some(seconds * 60),
        3 => Some(seconds),
        _ => None,
    }
}

fn zone_seconds(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits: String = zone[1..].chars().filter(|c| *c != ':').collect();
    let number: i64 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    Some(sign * (number / 100 * 3600 + number % 100 * 60))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years that start in March end with the day that is there in leap years only.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("2026-01-31", 1_769_817_600),
            ("2024-02-29T12:00:00Z", 1_709_208_000),
            ("2024-02-29T12:00:00+01:00", 1_709_204_400),
            ("2024-02-29 12:00 -0130", 1_709_213_400),
            ("@17", 17),
            ("2 weeks", 1_000_000_000 - 14 * 86_400),
            ("3 days ago", 1_000_000_000 - 3 * 86_400),
            ("1h", 1_000_000_000 - 3600),
        ] {
            assert_eq!(parse_at(text, 1_000_000_000), Some(seconds), "{text}");
        }
        for text in
            ["", "yesterday", "2026-13-01", "2026-1-1", "2026-01-31T25", "2026-01-31T1:2:3:4", "weeks", "2026-01-31x"]
        {
            assert_eq!(parse_at(text, 0), None, "{text}");
        }
    }
}
