//! Whether a request's conditions hold: `If-Match` and its siblings, RFC 9110, section 13.
//!
//! A file's entity tag is made of its size and the time it was changed. Two changes within the
//! resolution of the file system's clock could share both, so the tag is a weak one: it decides
//! whether a copy is fresh enough (`If-None-Match`), but never whether two parts fit together
//! (`If-Match`, `If-Range`). For that there is the date, once it is old enough to be exact.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::HeaderMap;
use hyper::header::{
    AsHeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
};

/// What a file is recognised by.
#[derive(Clone, Debug)]
pub struct Validators {
    /// The weak entity tag.
    pub tag: String,
    /// When the file was changed, in whole seconds; none for a time that HTTP cannot name or that
    /// is still to come.
    pub modified: Option<SystemTime>,
    now: SystemTime,
}

/// What follows from the conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The file is to be sent.
    Proceed,
    /// The client's copy is fresh.
    NotModified,
    /// The client wants something only if it were otherwise.
    Failed,
}

/// The first second of the year 10000, which HTTP's dates cannot name.
const END_OF_DATES: Duration = Duration::from_secs(253_402_300_800);

impl Validators {
    /// Those of a file of `size` bytes, changed at `modified`.
    pub fn new(size: u64, modified: SystemTime, now: SystemTime) -> Validators {
        let since = modified.duration_since(UNIX_EPOCH);
        let nanoseconds = since.as_ref().map_or(0, Duration::as_nanos);
        let modified = since
            .ok()
            .filter(|since| *since < END_OF_DATES)
            .map(|since| UNIX_EPOCH + Duration::from_secs(since.as_secs()))
            .filter(|modified| *modified <= now);
        Validators { tag: format!("W/\"{size:x}-{nanoseconds:x}\""), modified, now }
    }

    /// Weighs the conditions in the order of section 13.2.2.
    pub fn weigh(&self, headers: &HeaderMap) -> Verdict {
        if headers.contains_key(IF_MATCH) {
            if !self.matches_any(headers) {
                return Verdict::Failed;
            }
        } else if let (Some(date), Some(modified)) =
            (date(headers, IF_UNMODIFIED_SINCE), self.modified)
        {
            if modified > date {
                return Verdict::Failed;
            }
        }
        if headers.contains_key(IF_NONE_MATCH) {
            if self.is_known(headers) {
                return Verdict::NotModified;
            }
        } else if let (Some(date), Some(modified)) =
            (date(headers, IF_MODIFIED_SINCE), self.modified)
        {
            if modified <= date {
                return Verdict::NotModified;
            }
        }
        Verdict::Proceed
    }

    /// Whether a range may be served: the part that the client has is of this very file.
    pub fn allow_range(&self, headers: &HeaderMap) -> bool {
        if !headers.contains_key(IF_RANGE) {
            return true;
        }
        // A weak tag, such as ours, never matches here; and a date is exact only if the file could
        // not have been changed again within the same second.
        let (Some(date), Some(modified)) = (date(headers, IF_RANGE), self.modified) else {
            return false;
        };
        date == modified
            && self.now.duration_since(modified).is_ok_and(|age| age >= Duration::from_secs(1))
    }

    /// `If-Match` compares strongly, so that only the star can match.
    fn matches_any(&self, headers: &HeaderMap) -> bool {
        tags(headers, IF_MATCH).any(|tag| tag == "*")
    }

    fn is_known(&self, headers: &HeaderMap) -> bool {
        let opaque = self.tag.trim_start_matches("W/");
        tags(headers, IF_NONE_MATCH)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == opaque)
    }
}

/// The entity tags of a field. Ours have no comma in them, so that cutting at commas finds them.
fn tags(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',').map(str::trim))
}

fn date(headers: &HeaderMap, name: impl AsHeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn file() -> Validators {
        Validators::new(16, at(1_000_000) + Duration::from_millis(500), at(1_000_000) + HOUR)
    }

    fn with(fields: &[(HeaderName, &str)]) -> HeaderMap {
        let values = fields.iter().map(|(n, v)| (n.clone(), HeaderValue::from_str(v).unwrap()));
        values.collect()
    }

    fn when(seconds: u64) -> String {
        httpdate::fmt_http_date(at(seconds))
    }

    #[test]
    fn a_tag_the_client_knows_saves_the_body() {
        let (file, tag) = (file(), file().tag);
        let strong = tag.trim_start_matches("W/");
        let list = format!("\"x\", {tag}");
        for known in [tag.as_str(), strong, "*", &list] {
            assert_eq!(file.weigh(&with(&[(IF_NONE_MATCH, known)])), Verdict::NotModified);
        }
        let date = when(2_000_000);
        let both = with(&[(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, &date)]);
        assert_eq!(file.weigh(&both), Verdict::Proceed, "the tag goes before the date");
    }

    #[test]
    fn a_date_counts_whole_seconds() {
        for (seconds, verdict) in [
            (999_999, Verdict::Proceed),
            (1_000_000, Verdict::NotModified),
            (1_000_001, Verdict::NotModified),
        ] {
            let headers = with(&[(IF_MODIFIED_SINCE, &when(seconds))]);
            assert_eq!(file().weigh(&headers), verdict, "{seconds}");
        }
        let nonsense = with(&[(IF_MODIFIED_SINCE, "yesterday")]);
        assert_eq!(file().weigh(&nonsense), Verdict::Proceed);
    }

    #[test]
    fn a_weak_tag_never_matches_strongly() {
        let file = file();
        assert_eq!(file.weigh(&with(&[(IF_MATCH, &file.tag)])), Verdict::Failed);
        assert_eq!(file.weigh(&with(&[(IF_MATCH, "*")])), Verdict::Proceed);
        assert!(!file.allow_range(&with(&[(IF_RANGE, &file.tag)])));
    }

    #[test]
    fn unmodified_since_fails_for_a_younger_file() {
        let early = with(&[(IF_UNMODIFIED_SINCE, &when(999_999))]);
        assert_eq!(file().weigh(&early), Verdict::Failed);
        let late = with(&[(IF_UNMODIFIED_SINCE, &when(1_000_000))]);
        assert_eq!(file().weigh(&late), Verdict::Proceed);
    }

    #[test]
    fn a_range_needs_the_exact_and_settled_date() {
        assert!(file().allow_range(&with(&[])));
        assert!(file().allow_range(&with(&[(IF_RANGE, &when(1_000_000))])));
        assert!(!file().allow_range(&with(&[(IF_RANGE, &when(1_000_001))])));
        let fresh = Validators::new(16, at(1_000_000), at(1_000_000));
        assert!(!fresh.allow_range(&with(&[(IF_RANGE, &when(1_000_000))])));
    }

    #[test]
    fn times_that_http_cannot_name_are_left_out() {
        let now = at(1_000_000);
        for modified in [UNIX_EPOCH - HOUR, now + HOUR, UNIX_EPOCH + END_OF_DATES] {
            let file = Validators::new(1, modified, UNIX_EPOCH + END_OF_DATES * 2);
            assert!(file.modified.is_none_or(|m| m < UNIX_EPOCH + END_OF_DATES));
            assert!(Validators::new(1, modified, now).modified.is_none(), "{modified:?}");
        }
    }
}
