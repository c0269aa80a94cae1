//! The page that lists a directory.
//!
//! Whatever stands in a file's name is text to the reader and bytes to the server: it is escaped
//! for HTML where it is shown and percent-encoded where it is a link. Links begin with `./`,
//! because a name such as `a:b` would else be an address of the scheme `a`. Only what a click would
//! get is listed: no hidden names, no special files, no links that lead outside.

use std::fmt::Write;
use std::time::SystemTime;

use super::beneath::{Directory, Errno, Kind, Look, Root, names};
use super::path::{Target, encode, is_hidden};

/// Names on one page at most: a page of this many is some ten megabytes.
const ENTRIES_MAX: usize = 50_000;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;\
padding:0 1em;color-scheme:light dark}table{border-collapse:collapse;width:100%}\
td,th{padding:.1em .6em;text-align:left}td.n,th.n{text-align:right;white-space:nowrap}\
h1{font-size:1.2em;overflow-wrap:anywhere}";

/// One line of the page.
#[derive(Debug)]
struct Entry {
    name: Vec<u8>,
    look: Look,
}

/// The page for an open directory.
///
/// # Errors
///
/// Those of reading the directory.
pub fn page(
    root: &Root,
    directory: Directory,
    target: &Target,
    hidden: bool,
) -> Result<String, Errno> {
    let mut entries = Vec::new();
    let mut more = false;
    for entry in names(directory)? {
        let (name, special) = entry?;
        let skipped = matches!(name.as_slice(), b"." | b"..") || (!hidden && is_hidden(&name));
        if skipped || special {
            continue;
        }
        if entries.len() == ENTRIES_MAX {
            more = true;
            break;
        }
        // What vanished meanwhile, or leads outside, is not there.
        let Ok(look) = root.look(&target.child(&name).relative()) else { continue };
        if look.kind != Kind::Special {
            entries.push(Entry { name, look });
        }
    }
    // Directories first, then by the bytes of the name.
    entries.sort_by(|a, b| {
        let rank = |entry: &Entry| entry.look.kind != Kind::Directory;
        rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name))
    });
    Ok(render(target, &entries, more))
}

fn render(target: &Target, entries: &[Entry], more: bool) -> String {
    let title = escape(&target.display());
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n<table>\
         <tr><th>Name</th><th class=\"n\">Size</th><th class=\"n\">Changed (UTC)</th></tr>\n"
    );
    if !target.is_root() {
        page.push_str("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    }
    for entry in entries {
        row(&mut page, entry);
    }
    page.push_str("</table>\n");
    if more {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "<p>Only {ENTRIES_MAX} names are shown; there are more.</p>");
    }
    page.push_str("</body></html>\n");
    page
}

fn row(page: &mut String, entry: &Entry) {
    let slash = if entry.look.kind == Kind::Directory { "/" } else { "" };
    let link: String = encode(&entry.name).collect();
    let name = escape(&String::from_utf8_lossy(&entry.name));
    let changed = day_and_time(entry.look.modified);
    let size = match entry.look.kind {
        Kind::Directory => String::new(),
        _ => format!("<span title=\"{} bytes\">{}</span>", entry.look.size, size(entry.look.size)),
    };
    let _ = writeln!(
        page,
        "<tr><td><a href=\"./{link}{slash}\">{name}{slash}</a></td>\
         <td class=\"n\">{size}</td><td class=\"n\">{changed}</td></tr>"
    );
}

/// Text as HTML, in an element or a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c if c.is_control() => html.push('\u{fffd}'),
            c => html.push(c),
        }
    }
    html
}

/// A size for people: three digits or so, in powers of 1024.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // From 999.95 on, one decimal would be rounded to a fifth digit.
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `2024-02-29 12:34`; nothing for a time before 1970 or after 9999.
fn day_and_time(time: SystemTime) -> String {
    let Ok(since) = time.duration_since(SystemTime::UNIX_EPOCH) else { return String::new() };
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    if year > 9999 {
        return String::new();
    }
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", seconds / 3600, seconds / 60 % 60)
}

/// Year, month and day of the Gregorian calendar, `days` after the first of January 1970.
fn date(days: u64) -> (u64, u64, u64) {
    // Counted in years that begin in March, so that a leap day is the last of its year, and in
    // eras of 400 years, which all have the same number of days. 1970 began 719468 days after
    // March of the year 0.
    let day = days + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Five months from March on always have 153 days.
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn entry(name: &str, kind: Kind) -> Entry {
        let look = Look { kind, size: 1536, modified: SystemTime::UNIX_EPOCH };
        Entry { name: name.into(), look }
    }

    #[test]
    fn names_are_text_and_never_markup() {
        let target = Target::parse("/%3Cb%3E", false).unwrap();
        let page = render(&target, &[entry("<script>\"'&\n", Kind::File)], false);
        assert!(!page.contains("<script") && !page.contains("<b>"));
        assert!(page.contains("&lt;script&gt;&quot;&#39;&amp;\u{fffd}"));
        assert!(page.contains("href=\"./%3Cscript%3E%22%27%26%0A\""));
        assert!(page.contains("<title>/&lt;b&gt;</title>"));
    }

    #[test]
    fn a_colon_makes_no_scheme() {
        let target = Target::parse("/", false).unwrap();
        let page = render(&target, &[entry("javascript:alert(1)", Kind::Directory)], false);
        assert!(page.contains("href=\"./javascript%3Aalert%281%29/\""));
        assert!(!page.contains("../"), "nothing lies above the served directory");
    }

    #[test]
    fn sizes_are_short() {
        let table = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1 << 20, "1.0 MiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (1 << 30, "1.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, words) in table {
            assert_eq!(size(bytes), words);
        }
    }

    #[test]
    fn days_are_counted_through_leap_years() {
        let table = [
            (0, "1970-01-01 00:00"),
            (951_782_400, "2000-02-29 00:00"),
            (1_709_210_096, "2024-02-29 12:34"),
            (4_107_542_399, "2100-02-28 23:59"),
            (4_107_542_400, "2100-03-01 00:00"),
            (253_402_300_799, "9999-12-31 23:59"),
            (253_402_300_800, ""),
        ];
        for (seconds, words) in table {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(day_and_time(time), words);
        }
        assert_eq!(day_and_time(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), "");
    }
}
