//! From the path of a URL to names below the served directory.
//!
//! Every segment is decoded by itself, after the path was cut at its slashes: so `%2F` never makes
//! a new segment, and is refused because no file name can hold a slash. `..` is refused in every
//! spelling. Clients resolve dot segments before they send a request, so whoever sends one wants
//! to look outside. What remains is a list of plain names; that the files behind them lie inside
//! the directory, whatever symbolic links there are, is the kernel's part (`beneath`).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// Everything but what RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a path names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not a path of file names.
    Malformed,
    /// It has `..` in it.
    Outside,
    /// It names a hidden file, and those are not served.
    Hidden,
}

/// The names of a path below the served directory, without slashes, dots or NUL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    names: Vec<Vec<u8>>,
    /// The path ended with a slash: only a directory is meant.
    slash: bool,
}

impl Target {
    /// Reads the path of a URL; with `hidden` also names that begin with a dot are served.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub fn parse(path: &str, hidden: bool) -> Result<Target, Refused> {
        let below = path.strip_prefix('/').ok_or(Refused::Malformed)?;
        let mut names = Vec::new();
        let mut slash = true;
        for segment in below.split('/') {
            let name = decode(segment)?;
            slash = matches!(name.as_slice(), b"" | b".");
            if slash {
                continue;
            }
            if name == b".." {
                return Err(Refused::Outside);
            }
            if !hidden && is_hidden(&name) && !(names.is_empty() && name == WELL_KNOWN) {
                return Err(Refused::Hidden);
            }
            names.push(name);
        }
        Ok(Target { names, slash })
    }

    /// The names, joined by slashes; `.` for the served directory itself.
    pub fn relative(&self) -> Vec<u8> {
        if self.names.is_empty() { b".".to_vec() } else { self.names.join(&b'/') }
    }

    /// The last name; none for the served directory itself.
    pub fn name(&self) -> Option<&[u8]> {
        self.names.last().map(Vec::as_slice)
    }

    /// Whether only a directory is meant.
    pub fn has_slash(&self) -> bool {
        self.slash
    }

    /// Whether it is the served directory itself.
    pub fn is_root(&self) -> bool {
        self.names.is_empty()
    }

    /// The target for a file in this directory.
    pub fn child(&self, name: &[u8]) -> Target {
        let mut names = self.names.clone();
        names.push(name.to_vec());
        Target { names, slash: false }
    }

    /// The path of a URL for this directory, with a slash at its end. It begins with exactly one
    /// slash: two would name another host.
    pub fn directory_url(&self) -> String {
        let mut url = String::from("/");
        for name in &self.names {
            url.extend(encode(name));
            url.push('/');
        }
        url
    }

    /// The decoded path for people to read.
    pub fn display(&self) -> String {
        let names: Vec<_> = self.names.iter().map(|name| String::from_utf8_lossy(name)).collect();
        format!("/{}", names.join("/"))
    }
}

/// The one directory with a dot that is meant to be served (RFC 8615), at the top only.
const WELL_KNOWN: &[u8] = b".well-known";

/// Whether a name is hidden by custom.
pub fn is_hidden(name: &[u8]) -> bool {
    name.first() == Some(&b'.')
}

/// A name as a segment of a URL.
pub fn encode(name: &[u8]) -> impl Iterator<Item = &str> {
    percent_encode(name, ENCODED)
}

/// Decodes a segment; `%` must be followed by two digits, and a slash or NUL is in no file name.
fn decode(segment: &str) -> Result<Vec<u8>, Refused> {
    let bytes = segment.as_bytes();
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%') {
        let digits = bytes.get(at + 1..at + 3).ok_or(Refused::Malformed)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(Refused::Malformed);
        }
    }
    let name: Vec<u8> = percent_decode_str(segment).collect();
    if name.contains(&b'/') || name.contains(&0) {
        return Err(Refused::Malformed);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relative(path: &str) -> Result<String, Refused> {
        Target::parse(path, false).map(|t| String::from_utf8(t.relative()).unwrap())
    }

    #[test]
    fn names_are_decoded_after_the_path_is_cut() {
        let table = [
            ("/", "."),
            ("//", "."),
            ("/./.", "."),
            ("/a", "a"),
            ("/a//b/", "a/b"),
            ("/a/./b", "a/b"),
            ("/a%20b/%C3%A9", "a b/é"),
            ("/a+b", "a+b"),
            ("/%61", "a"),
            ("/a%2561", "a%61"),
            ("/...", "..."),
            ("/.well-known/acme", ".well-known/acme"),
        ];
        for (path, expected) in table.into_iter().filter(|(path, _)| *path != "/...") {
            assert_eq!(relative(path).as_deref(), Ok(expected), "{path}");
        }
        assert_eq!(Target::parse("/...", true).unwrap().relative(), b"...");
        assert_eq!(Target::parse("/%ff", false).unwrap().relative(), b"\xff");
    }

    #[test]
    fn nothing_leads_outside() {
        for path in ["/..", "/../x", "/a/..", "/a/../b", "/%2e%2e/x", "/.%2E/x", "/a/%2e./b"] {
            assert_eq!(relative(path), Err(Refused::Outside), "{path}");
            assert_eq!(Target::parse(path, true), Err(Refused::Outside), "{path}");
        }
    }

    #[test]
    fn what_no_file_is_called_is_malformed() {
        for path in
            ["", "a", "*", "/a%2fb", "/..%2F..", "/%00", "/a%00.txt", "/%", "/%4", "/%zz", "/%+1"]
        {
            assert_eq!(relative(path), Err(Refused::Malformed), "{path}");
        }
    }

    #[test]
    fn hidden_names_are_served_only_when_asked_for() {
        for path in ["/.git/config", "/a/.env", "/%2egit", "/a/.well-known/x"] {
            assert_eq!(relative(path), Err(Refused::Hidden), "{path}");
            assert!(Target::parse(path, true).is_ok(), "{path}");
        }
    }

    #[test]
    fn a_slash_at_the_end_means_a_directory() {
        for (path, slash) in [("/", true), ("/a", false), ("/a/", true), ("/a/.", true)] {
            assert_eq!(Target::parse(path, false).unwrap().has_slash(), slash, "{path}");
        }
    }

    #[test]
    fn the_url_of_a_directory_names_no_host_and_reads_back() {
        let target = Target::parse("//evil.example/a%22%3Cb", false).unwrap();
        assert_eq!(target.directory_url(), "/evil.example/a%22%3Cb/");
        let again = Target::parse(&target.directory_url(), false).unwrap();
        assert_eq!(again.relative(), target.relative());
        assert!(Target::parse("/", false).unwrap().directory_url() == "/");
    }

    #[test]
    fn every_byte_that_can_be_in_a_name_survives_the_way_through_a_url() {
        let name: Vec<u8> = (1..=255).filter(|byte| *byte != b'/').collect();
        let url = format!("/x{}", encode(&name).collect::<String>());
        let target = Target::parse(&url, false).unwrap();
        assert_eq!(&target.name().unwrap()[1..], name);
        assert!(url.is_ascii());
    }
}
