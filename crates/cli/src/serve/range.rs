//! What part of a file a request asks for: the `Range` field of RFC 9110, section 14.
//!
//! A server may ignore the field, and must do so when it does not understand it. We serve one
//! range; several at once would be a multipart body that hardly any client wants, so they get the
//! whole file, which answers the question too. Only a range that is well-formed and lies outside
//! of the file is refused (416).

/// What to send of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it: no range was asked for, or none that we serve.
    Whole,
    /// From `first` up to and including `last`; never empty.
    Slice {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// No byte of the file lies in the range.
    Unsatisfiable,
}

impl Part {
    /// The part that the value of a `Range` field means for a file of `size` bytes.
    pub fn of(field: &[u8], size: u64) -> Part {
        parse(field, size).unwrap_or(Part::Whole)
    }

    /// The first byte and how many there are, in a file of `size` bytes.
    pub fn extent(self, size: u64) -> (u64, u64) {
        match self {
            Part::Whole => (0, size),
            Part::Slice { first, last } => (first, last - first + 1),
            Part::Unsatisfiable => (0, 0),
        }
    }
}

/// `None` for what is to be ignored.
fn parse(field: &[u8], size: u64) -> Option<Part> {
    let field = std::str::from_utf8(field).ok()?;
    let (unit, set) = field.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    // A list may have empty elements.
    let mut specs = set.split(',').map(str::trim).filter(|spec| !spec.is_empty());
    let spec = specs.next()?;
    if specs.next().is_some() {
        return None;
    }
    let (first, last) = spec.split_once('-')?;
    match (first, last) {
        ("", count) => suffix(number(count)?, size),
        (first, "") => from(number(first)?, u64::MAX, size),
        (first, last) => from(number(first)?, number(last)?, size),
    }
}

fn from(first: u64, last: u64, size: u64) -> Option<Part> {
    if first > last {
        return None;
    }
    if first >= size {
        return Some(Part::Unsatisfiable);
    }
    Some(Part::Slice { first, last: last.min(size - 1) })
}

fn suffix(count: u64, size: u64) -> Option<Part> {
    if count == 0 {
        return Some(Part::Unsatisfiable);
    }
    // The end of an empty file is the whole of it, and cannot be written as a `Content-Range`.
    let last = size.checked_sub(1)?;
    Some(Part::Slice { first: size.saturating_sub(count), last })
}

/// A number of digits only; one too large for us is as good as the largest.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(first: u64, last: u64) -> Part {
        Part::Slice { first, last }
    }

    #[test]
    fn one_range_is_cut_to_the_file() {
        let table: &[(&str, u64, Part)] = &[
            ("bytes=0-0", 10, slice(0, 0)),
            ("bytes=0-9", 10, slice(0, 9)),
            ("bytes=0-10", 10, slice(0, 9)),
            ("bytes=9-9", 10, slice(9, 9)),
            ("bytes=3-", 10, slice(3, 9)),
            ("bytes=-3", 10, slice(7, 9)),
            ("bytes=-10", 10, slice(0, 9)),
            ("bytes=-11", 10, slice(0, 9)),
            ("BYTES= 2-4 ", 10, slice(2, 4)),
            ("bytes=2-4,", 10, slice(2, 4)),
            ("bytes=0-18446744073709551615", 10, slice(0, 9)),
            ("bytes=0-99999999999999999999999", 10, slice(0, 9)),
            ("bytes=-99999999999999999999999", 10, slice(0, 9)),
        ];
        for (field, size, part) in table {
            assert_eq!(Part::of(field.as_bytes(), *size), *part, "{field} of {size}");
        }
    }

    #[test]
    fn a_range_outside_of_the_file_is_refused() {
        for (field, size) in [
            ("bytes=10-", 10),
            ("bytes=10-11", 10),
            ("bytes=-0", 10),
            ("bytes=0-", 0),
            ("bytes=0-0", 0),
            ("bytes=99999999999999999999999-", 10),
        ] {
            assert_eq!(Part::of(field.as_bytes(), size), Part::Unsatisfiable, "{field} of {size}");
        }
    }

    #[test]
    fn what_is_not_understood_means_the_whole_file() {
        for field in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=5-4",
            "bytes=a-b",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=0x1-2",
            "bytes=1 -2",
            "lines=0-1",
            "bytes=0-1,3-4",
            "bytes 0-1",
        ] {
            assert_eq!(Part::of(field.as_bytes(), 10), Part::Whole, "{field}");
        }
        assert_eq!(Part::of(b"bytes=\xff-1", 10), Part::Whole);
        assert_eq!(Part::of(b"bytes=-5", 0), Part::Whole, "an empty file has no last byte");
    }

    #[test]
    fn extents_count_both_ends() {
        assert_eq!(Part::Whole.extent(7), (0, 7));
        assert_eq!(slice(2, 4).extent(7), (2, 3));
        assert_eq!(Part::Slice { first: 0, last: u64::MAX - 1 }.extent(u64::MAX), (0, u64::MAX));
    }
}
