//! What is served, and that it is what lies on the disk.

use std::collections::BTreeMap;
use std::path::Path;

use crate::client::Outcome;
use crate::place::{Place, noise};
use crate::server::Server;

#[test]
fn files_of_every_size_come_back_byte_for_byte() {
    let place = Place::new("sizes");
    let sizes = [0, 1, 65_535, 65_536, 65_537, 131_072, 3_000_001];
    for size in sizes {
        place.write(&format!("{size}.bin"), noise(size));
    }
    let server = Server::start(&place.root(), &[]);
    let mut client = server.connect();
    for size in sizes {
        let response = client.get(&format!("/{size}.bin"));
        assert_eq!(response.status, 200);
        assert_eq!(response.number("content-length"), Some(size as u64));
        assert_eq!(response.field("content-type"), Some("application/octet-stream"));
        assert!(response.body == noise(size), "the bytes of {size}.bin");
        let head = client.head(&format!("/{size}.bin"));
        let but_date = |fields: &[(String, String)]| -> BTreeMap<String, String> {
            fields.iter().filter(|(name, _)| name != "date").cloned().collect()
        };
        assert_eq!(but_date(&head.fields), but_date(&response.fields), "HEAD says what GET says");
    }
    let farewell = server.stop();
    assert!(farewell.status.success());
    assert_eq!(farewell.number("requests"), 2 * sizes.len() as u64);
    assert_eq!(farewell.number("connections"), 1);
    assert_eq!((farewell.number("errors"), farewell.number("cut off")), (0, 0));
}

#[test]
fn ranges() {
    let place = Place::new("ranges");
    let (size, bytes) = (200_000_u64, noise(200_000));
    place.write("file", &bytes);
    place.write("empty", "");
    let server = Server::start(&place.root(), &[]);
    let mut client = server.connect();
    let served: &[(&str, u64, u64)] = &[
        ("bytes=0-0", 0, 0),
        ("bytes=1-4", 1, 4),
        ("bytes=199999-", 199_999, 199_999),
        ("bytes=100000-", 100_000, 199_999),
        ("bytes=5-999999999999", 5, 199_999),
        ("bytes=-1", 199_999, 199_999),
        ("bytes=-70000", 130_000, 199_999),
        ("bytes=-999999999999", 0, 199_999),
    ];
    for (range, first, last) in served {
        let response = client.fetch("/file", &format!("Range: {range}\r\n"));
        assert_eq!(response.status, 206, "{range}");
        let expected = format!("bytes {first}-{last}/{size}");
        assert_eq!(response.field("content-range"), Some(expected.as_str()));
        assert_eq!(response.number("content-length"), Some(last - first + 1));
        assert!(response.body == bytes[*first as usize..=*last as usize], "{range}");
    }
    for range in ["bytes=200000-", "bytes=-0", "bytes=99999999999999999999-"] {
        let response = client.fetch("/file", &format!("Range: {range}\r\n"));
        assert_eq!(response.status, 416, "{range}");
        assert_eq!(response.field("content-range"), Some("bytes */200000"));
    }
    for range in ["bytes=0-1,5-6", "bytes=4-1", "lines=1-2", "bytes=x"] {
        let response = client.fetch("/file", &format!("Range: {range}\r\n"));
        assert_eq!((response.status, response.body.len()), (200, 200_000), "{range}");
        assert_eq!(response.field("accept-ranges"), Some("bytes"));
    }
    assert_eq!(client.fetch("/empty", "Range: bytes=0-\r\n").status, 416);
    let twice = client.fetch("/file", "Range: bytes=0-1\r\nRange: bytes=3-4\r\n");
    assert_eq!(twice.status, 200);
}

#[test]
fn fresh_copies_are_not_sent_again() {
    let place = Place::new("conditions");
    place.write("file", "0123456789");
    let file = std::fs::File::options().write(true).open(place.root().join("file")).unwrap();
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    file.set_modified(long_ago).unwrap();
    let server = Server::start(&place.root(), &[]);
    let mut client = server.connect();
    let first = client.get("/file");
    let (tag, date) = (first.field("etag").unwrap(), first.field("last-modified").unwrap());
    assert_eq!(date, "Sun, 09 Sep 2001 01:46:40 GMT");
    assert!(tag.starts_with("W/\""), "{tag}");
    for field in [format!("If-None-Match: {tag}"), format!("If-Modified-Since: {date}")] {
        let response = client.fetch("/file", &format!("{field}\r\n"));
        assert_eq!((response.status, response.body.len()), (304, 0), "{field}");
        assert_eq!(response.field("etag"), Some(tag));
    }
    let table = [
        ("If-None-Match: \"other\"", 200),
        ("If-Modified-Since: Sun, 09 Sep 2001 01:46:39 GMT", 200),
        ("If-Match: \"other\"", 412),
        ("If-Unmodified-Since: Sun, 09 Sep 2001 01:46:39 GMT", 412),
        ("If-Unmodified-Since: Sun, 09 Sep 2001 01:46:40 GMT", 200),
        ("Range: bytes=0-1\r\nIf-Range: Sun, 09 Sep 2001 01:46:40 GMT", 206),
        ("Range: bytes=0-1\r\nIf-Range: Sun, 09 Sep 2001 01:46:41 GMT", 200),
        ("Range: bytes=0-1\r\nIf-Range: \"other\"", 200),
    ];
    for (fields, status) in table {
        assert_eq!(client.fetch("/file", &format!("{fields}\r\n")).status, status, "{fields}");
    }
}

#[test]
fn types_follow_the_ending_of_the_name() {
    let place = Place::new("types");
    let table = [
        ("a.html", "text/html; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.png", "image/png"),
        ("a.PNG", "image/png"),
        ("a.svg", "image/svg+xml"),
        ("a.wasm", "application/wasm"),
        ("a.pdf", "application/pdf"),
        ("a", "application/octet-stream"),
        ("a.nobody-knows", "application/octet-stream"),
    ];
    for (name, _) in table {
        place.write(name, "x");
    }
    let server = Server::start(&place.root(), &[]);
    let mut client = server.connect();
    for (name, kind) in table {
        let response = client.get(&format!("/{name}"));
        assert_eq!(response.field("content-type"), Some(kind), "{name}");
        assert_eq!(response.field("x-content-type-options"), Some("nosniff"));
    }
}

/// A name with signs that HTML and addresses write in another way.
struct Awkward {
    name: &'static str,
    shown: &'static str,
    address: &'static str,
}

#[cfg(unix)]
const AWKWARD: Awkward = Awkward {
    name: "a <b>&\"'.txt",
    shown: "a &lt;b&gt;&amp;&quot;&#39;.txt",
    address: "a%20%3Cb%3E%26%22%27.txt",
};

/// Windows allows fewer signs in a name.
#[cfg(windows)]
const AWKWARD: Awkward =
    Awkward { name: "a &'.txt", shown: "a &amp;&#39;.txt", address: "a%20%26%27.txt" };

#[cfg(unix)]
fn link(to: &Path, from: &Path) {
    std::os::unix::fs::symlink(to, from).unwrap();
}

/// Windows makes links only for the privileged: what would lead out is left out, and what would
/// lead in is a file.
#[cfg(windows)]
fn link(to: &Path, from: &Path) {
    if to.is_relative() {
        std::fs::write(from, "12345").unwrap();
    }
}

#[test]
fn a_directory_is_its_index_or_a_listing() {
    let place = Place::new("directories");
    place.write("with/index.html", "<p>index");
    place.write("without/b.txt", "12345");
    place.write(&format!("without/{}", AWKWARD.name), "1");
    place.write("without/sub/x", "");
    place.write("without/.hidden", "");
    link(&place.outside().join("secret"), &place.root().join("without/leads-out"));
    link(Path::new("b.txt"), &place.root().join("without/leads-in"));
    let server = Server::start(&place.root(), &[]);
    let mut client = server.connect();
    let index = client.get("/with/");
    assert_eq!((index.status, index.text().as_str()), (200, "<p>index"));
    assert_eq!(index.field("content-type"), Some("text/html; charset=utf-8"));
    let redirect = client.get("/without?x=1");
    assert_eq!((redirect.status, redirect.field("location")), (301, Some("/without/?x=1")));
    assert_eq!(client.get("//without").field("location"), Some("/without/"), "names no host");
    let page = client.get("/without/");
    let text = page.text();
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.field("content-security-policy").is_some());
    assert!(text.contains(AWKWARD.shown), "{text}");
    assert!(text.contains(&format!("href=\"./{}\"", AWKWARD.address)), "{text}");
    assert!(!text.contains(".hidden") && !text.contains("leads-out"), "{text}");
    assert!(text.contains("href=\"../\"") && text.contains("title=\"5 bytes\""), "{text}");
    let places: Vec<_> =
        ["./sub/", "./a%20", "./b.txt", "./leads-in"].map(|name| text.find(name).unwrap()).into();
    assert!(places.is_sorted(), "directories first, then by name: {text}");
    assert_eq!(client.head("/without/").number("content-length"), Some(text.len() as u64));
    assert_eq!(client.get(&format!("/without/{}", AWKWARD.address)).text(), "1");
    assert!(!client.get("/").text().contains("../"), "nothing lies above");
}

#[test]
fn hidden_names_are_served_when_asked_for() {
    let place = Place::new("hidden");
    place.write(".env", "key");
    place.write(".well-known/x", "known");
    let server = Server::start(&place.root(), &[]);
    let mut client = server.connect();
    assert_eq!(client.get("/.env").status, 404);
    assert_eq!(client.get("/.well-known/x").text(), "known");
    let server = Server::start(&place.root(), &["--hidden"]);
    let mut client = server.connect();
    assert_eq!(client.get("/.env").text(), "key");
    assert!(client.get("/").text().contains(".env"));
}

#[test]
fn a_file_that_shrinks_is_not_passed_off_as_whole() {
    let place = Place::new("shrinks");
    place.write("file", noise(24_000_000));
    let server = Server::start(&place.root(), &[]);
    let mut client = server.connect();
    client.ask("GET", "/file", "");
    client.wait_for_some();
    std::fs::File::options()
        .write(true)
        .open(place.root().join("file"))
        .and_then(|file| file.set_len(10))
        .unwrap();
    let outcome = client.outcome(true);
    assert!(matches!(outcome, Outcome::Broken(_)), "the promised length was not kept");
    let farewell = server.stop();
    assert_eq!((farewell.number("cut off"), farewell.number("errors")), (1, 1));
}

#[test]
fn several_cores_serve_the_same() {
    let place = Place::new("cores");
    place.write("file", noise(100_000));
    let server = Server::start(&place.root(), &["--cores", "2"]);
    assert!(server.greeting.contains("2 cores"), "{}", server.greeting);
    for _ in 0..20 {
        assert!(server.connect().get("/file").body == noise(100_000));
    }
    let farewell = server.stop();
    assert!(farewell.status.success());
    assert_eq!((farewell.number("requests"), farewell.number("connections")), (20, 20));
}
