//! Points in time as logs and protocols write them.

use std::time::Duration;

use crate::gate::Date;

/// `2026-01-31T10:20:30Z`, of a time since 1970.
pub(crate) fn rfc3339(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hour, minute) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{}T{hour:02}:{minute:02}:{:02}Z", Date::from_unix_seconds(seconds), seconds % 60)
}

/// Time since 1970 of `2026-01-31T10:20:30Z`, with a fraction of seconds and an offset where there are some.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let bytes = text.as_bytes();
    let number = |at: usize, len: usize| -> Option<i64> {
        let digits = bytes.get(at..at + len)?;
        digits.iter().all(u8::is_ascii_digit).then(|| text[at..at + len].parse().ok())?
    };
    let is = |at: usize, any: &[u8]| bytes.get(at).is_some_and(|byte| any.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    Date::new(u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?)?;
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = 19;
    if is(at, b".") {
        at += 1 + bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    }
    let offset = match bytes.get(at)? {
        b'Z' | b'z' if bytes.len() == at + 1 => 0,
        sign @ (b'+' | b'-') => {
            let colon = usize::from(is(at + 3, b":"));
            if bytes.len() != at + 5 + colon {
                return None;
            }
            let offset = number(at + 1, 2)? * 3600 + number(at + 3 + colon, 2)? * 60;
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    // Years that start in March end with the day that is there in leap years only.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468;
    u64::try_from(days * 86_400 + hour * 3600 + minute * 60 + second - offset).ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back() {
        for seconds in [0, 951_782_399, 951_868_800, 1_767_225_599, 4_107_542_400] {
            let time = Duration::from_secs(seconds);
            assert_eq!(parse(&rfc3339(time)), Some(time));
        }
        assert_eq!(rfc3339(Duration::from_secs(1_767_225_599)), "2025-12-31T23:59:59Z");
        for same in ["2026-01-01T01:00:00.25+01:00", "2025-12-31T22:30:00-0130", "2026-01-01 00:00:00Z"] {
            assert_eq!(parse(same), Some(Duration::from_secs(1_767_225_600)), "{same}");
        }
        for bad in ["", "2026-01-01", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T25:00:00Z", "x"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(parse("2026-01-01T00:00:00+1é:0"), None);
    }
}
