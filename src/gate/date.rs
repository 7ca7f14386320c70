//! Days, as entries of a baseline name them.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};

/// A day of the Gregorian calendar, written `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// A day; `None` where the calendar has no such day.
    #[must_use]
    pub fn new(year: u16, month: u8, day: u8) -> Option<Date> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let last = match month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u8::from(leap),
            1..=12 => 31,
            _ => return None,
        };
        (1..=last).contains(&day).then_some(Date { year, month, day })
    }

    /// The day, in UTC, so many seconds after 1970 began. The library reads no clock: who runs it says what day it is.
    #[must_use]
    pub fn from_unix_seconds(seconds: u64) -> Date {
        let mut days = seconds / 86_400;
        // Days since 0000-03-01: with the leap day last, the months of a year have a formula.
        days += 719_468;
        let era = days / 146_097;
        let of_era = days % 146_097;
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        Date { year: u16::try_from(year).unwrap_or(u16::MAX), month: month as u8, day: day as u8 }
    }
}

impl FromStr for Date {
    type Err = Error;

    fn from_str(text: &str) -> Result<Date> {
        let bytes = text.as_bytes();
        let shaped = bytes.len() == 10
            && bytes.iter().enumerate().all(|(i, b)| if i == 4 || i == 7 { *b == b'-' } else { b.is_ascii_digit() });
        let number = |from: usize, to: usize| text[from..to].parse::<u16>().ok();
        let date = shaped.then(|| Date::new(number(0, 4)?, number(5, 7)? as u8, number(8, 10)? as u8)).flatten();
        date.ok_or_else(|| Error::new(ErrorKind::Syntax, "a day is written YYYY-MM-DD, and is in the calendar"))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_come_from_seconds_as_the_calendar_has_them() {
        let cases = [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_767_225_599, "2025-12-31"),
            (1_767_225_600, "2026-01-01"),
            (4_107_542_400, "2100-03-01"),
        ];
        for (seconds, day) in cases {
            assert_eq!(Date::from_unix_seconds(seconds).to_string(), day);
        }
    }

    #[test]
    fn every_day_follows_the_day_before() {
        let mut before = Date::from_unix_seconds(0);
        for day in 1..60_000 {
            let next = Date::from_unix_seconds(day * 86_400);
            assert!(before < next, "{before} {next}");
            assert_eq!(next.to_string().parse::<Date>().unwrap(), next);
            before = next;
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for bad in [
            "",
            "2026-1-01",
            "2026-13-01",
            "2026-02-29",
            "2026-00-10",
            "2026-04-31",
            "26-04-30",
            "2026/04/30",
            "2026-04-3ö",
        ] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
        assert!("2024-02-29".parse::<Date>().is_ok());
    }
}
