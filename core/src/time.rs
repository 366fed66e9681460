//! The clock and randomness as inputs, and the few notions of time that a journal needs.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since 1970-01-01T00:00Z. Orders what people see; never chooses a winner.
///
/// In JSON it is RFC 3339 in UTC, to the second; on disk and on the wire the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// RFC 3339 in UTC, to the second: `2026-11-22T15:04:05Z`.
    pub fn to_rfc3339(self) -> String {
        match jiff::Timestamp::from_second(self.0.div_euclid(1000)) {
            Ok(time) => time.to_string(),
            Err(_) => jiff::Timestamp::UNIX_EPOCH.to_string(),
        }
    }

    /// The time named by RFC 3339 text, with any offset.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|time| Self(time.as_millisecond()))
    }

    /// The UTC day this falls on.
    pub fn day(self) -> Day {
        let date = jiff::Timestamp::from_millisecond(self.0)
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date();
        Day::new(date.year(), date.month() as u8, date.day() as u8)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&self.to_rfc3339())
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = Cow::<'de, str>::deserialize(deserializer)?;
            Self::from_rfc3339(&text).ok_or_else(|| D::Error::custom("a time is written YYYY-MM-DDThh:mm:ssZ"))
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

/// Now, as the caller sees it. Wall time for what people read, monotonic time for deadlines.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Wall-clock time.
    fn now(&self) -> Timestamp;
    /// CPU time that this process has used, in milliseconds; 0 where nobody measures it.
    fn cpu_ms(&self) -> u64 {
        0
    }
    /// Today in the writer's own time zone.
    fn today(&self) -> Day {
        self.now().day()
    }
}

/// Randomness as the caller provides it: the operating system's, or a seed in tests.
pub trait Entropy: Send + fmt::Debug {
    /// Fills `bytes` with random bytes.
    fn fill(&mut self, bytes: &mut [u8]);
}

/// `N` fresh random bytes.
pub fn random<const N: usize>(entropy: &mut dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// A day, or as much of one as the writer remembers: `2024`, `2024-05` or `2024-05-17`.
///
/// In JSON it is this text; on disk and on the wire its three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    year: i16,
    month: Option<u8>,
    day: Option<u8>,
}

/// Text that is not a day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a day is written YYYY, YYYY-MM or YYYY-MM-DD")]
pub struct ParseDayError;

/// How exactly a day is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// The day itself.
    Day,
    /// Only the month.
    Month,
    /// Only the year.
    Year,
    /// The writer does not know.
    Unknown,
}

impl Day {
    /// A whole day. Numbers outside the calendar are brought to its nearest day.
    pub fn new(year: i16, month: u8, day: u8) -> Self {
        let month = month.clamp(1, 12);
        let last = jiff::civil::Date::new(year, month as i8, 1).map_or(28, |date| date.days_in_month() as u8);
        Self { year, month: Some(month), day: Some(day.clamp(1, last)) }
    }

    /// Whether the calendar has it. Only one that came from outside may be anything else.
    pub fn is_proper(&self) -> bool {
        self.to_string().parse() == Ok(*self)
    }

    /// How exactly the day is known; never [`Precision::Unknown`].
    pub fn precision(&self) -> Precision {
        match (self.month, self.day) {
            (Some(_), Some(_)) => Precision::Day,
            (Some(_), None) => Precision::Month,
            _ => Precision::Year,
        }
    }

    /// The first whole day that this day, month or year covers.
    pub fn first(&self) -> Self {
        Self::new(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1))
    }

    /// The first whole day that it covers as one number, `YYYYMMDD`: a later day's is higher.
    pub fn number(&self) -> i64 {
        let month_and_day = i64::from(self.month.unwrap_or(1)) * 100 + i64::from(self.day.unwrap_or(1));
        i64::from(self.year) * 10_000 + month_and_day
    }

    /// The last whole day that this day, month or year covers.
    pub fn last(&self) -> Self {
        Self::new(self.year, self.month.unwrap_or(12), self.day.unwrap_or(31))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            (self.year, self.month, self.day).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = Cow::<'de, str>::deserialize(deserializer)?;
            text.parse().map_err(D::Error::custom)
        } else {
            let (year, month, day) = Deserialize::deserialize(deserializer)?;
            Ok(Self { year, month, day })
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        if let Some(month) = self.month {
            write!(f, "-{month:02}")?;
            if let Some(day) = self.day {
                write!(f, "-{day:02}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Day {
    type Err = ParseDayError;

    fn from_str(text: &str) -> Result<Self, ParseDayError> {
        let mut parts = text.split('-');
        let mut number = |digits: usize| match parts.next() {
            None => Ok(None),
            Some(part) if part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()) => {
                part.parse::<i16>().map(Some).map_err(|_| ParseDayError)
            }
            Some(_) => Err(ParseDayError),
        };
        let (year, month, day) = (number(4)?.ok_or(ParseDayError)?, number(2)?, number(2)?);
        if parts.next().is_some() {
            return Err(ParseDayError);
        }
        // The calendar decides what exists: 2025-02-30 is not a day.
        jiff::civil::Date::new(year, month.unwrap_or(1) as i8, day.unwrap_or(1) as i8).map_err(|_| ParseDayError)?;
        Ok(Self { year, month: month.map(|m| m as u8), day: day.map(|d| d as u8) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_parse_to_their_precision() {
        for (text, precision) in
            [("2024", Precision::Year), ("2024-05", Precision::Month), ("2024-05-17", Precision::Day)]
        {
            let day: Day = text.parse().unwrap();
            assert_eq!((day.to_string().as_str(), day.precision()), (text, precision));
        }
        for text in ["", "24", "2024-5", "2024-13", "2025-02-29", "2024-05-17-1", "2024-05-17T00"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
        assert_eq!("2024-02".parse::<Day>().unwrap().last().to_string(), "2024-02-29");
    }

    #[test]
    fn times_are_rfc3339_utc() {
        assert_eq!(Timestamp(1_700_000_000_123).to_rfc3339(), "2023-11-14T22:13:20Z");
        assert_eq!(Timestamp::from_rfc3339("2023-11-14T23:13:20+01:00"), Some(Timestamp(1_700_000_000_000)));
    }

    #[test]
    fn days_and_times_are_text_for_people_and_numbers_on_disk() {
        for (text, bytes) in [("2024", &[0xd0, 0x1f, 0, 0][..]), ("2024-05-17", &[0xd0, 0x1f, 1, 5, 1, 17])] {
            let day: Day = text.parse().unwrap();
            assert_eq!(serde_json::to_value(day).unwrap(), text);
            assert_eq!(serde_json::from_value::<Day>(text.into()).unwrap(), day);
            assert_eq!(postcard::to_allocvec(&day).unwrap(), bytes);
            assert_eq!(postcard::from_bytes::<Day>(bytes), Ok(day));
        }
        let time = Timestamp(1_700_000_000_000);
        assert_eq!(serde_json::to_value(time).unwrap(), "2023-11-14T22:13:20Z");
        assert_eq!(serde_json::from_value::<Timestamp>("2023-11-14T22:13:20Z".into()).unwrap(), time);
        assert!(serde_json::from_value::<Timestamp>(7.into()).is_err());
        let bytes = postcard::to_allocvec(&time).unwrap();
        assert_eq!((bytes.clone(), postcard::from_bytes(&bytes)), (postcard::to_allocvec(&time.0).unwrap(), Ok(time)));
    }
}
