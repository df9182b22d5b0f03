use std::time::Duration;

/// Reads a span of time as people write it: `15m`, `1h`, `7d`, `1y`, `1.5h`, `2 days`; a bare number is seconds. A year has
/// 365 days. None for anything else, and for what is not above zero.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let end = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    // Rust would also read `1.`, `.5` and `1e9`; people who write these mean something else.
    let plain = number.split('.').all(|digits| !digits.is_empty()) && number.matches('.').count() <= 1;
    let seconds = number.parse::<f64>().ok().filter(|_| plain)? * seconds_of(unit.trim_start_matches(' '))?;
    Duration::try_from_secs_f64(seconds).ok().filter(|span| span.as_millis() > 0)
}

fn seconds_of(unit: &str) -> Option<f64> {
    const MINUTE: f64 = 60.0;
    const HOUR: f64 = 60.0 * MINUTE;
    const DAY: f64 = 24.0 * HOUR;
    Some(match unit.to_ascii_lowercase().as_str() {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => MINUTE,
        "h" | "hr" | "hrs" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        "w" | "week" | "weeks" => 7.0 * DAY,
        "y" | "yr" | "yrs" | "year" | "years" => 365.0 * DAY,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        let hour = 3600;
        for (text, seconds) in [
            ("900", 900),
            ("15m", 900),
            ("15 min", 900),
            ("1h", hour),
            ("1.5h", hour * 3 / 2),
            ("7d", 7 * 24 * hour),
            ("2 days", 48 * hour),
            ("1 week", 168 * hour),
            ("1y", 365 * 24 * hour),
            (" 30s ", 30),
            ("1H", hour),
        ] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse("0.5s"), Some(Duration::from_millis(500)));
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in [
            "",
            "0",
            "0s",
            "0.0d",
            "-1",
            "-5m",
            "m",
            "1x",
            "1 2",
            "1h30m",
            "1e3",
            "1.",
            ".5h",
            "1..5h",
            "NaN",
            "inf",
            "99999999999999999999y",
            "１５m",
            "15\u{a0}m",
            "never",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
