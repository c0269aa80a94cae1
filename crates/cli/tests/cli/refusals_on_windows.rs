//! Names that mean something else on Windows than a file below the served directory.

use std::fs;

use crate::place::Place;
use crate::server::Server;

#[test]
fn no_name_that_windows_gives_a_meaning_is_served() {
    let place = Place::new("meanings");
    place.write("sub/file.txt", "inside");
    // Windows' own way of writing gives every name a short one, `GIT~1` for `.git`.
    place.write(".git/config", "top secret");
    let server = Server::start(&place.root(), &[]);
    let mut client = server.connect();
    let devices = ["CON", "NUL", "con", "Nul", "aux.txt", "AUX", "PRN", "COM1", "LPT1", "CONIN$"];
    for name in devices {
        for target in [format!("/{name}"), format!("/sub/{name}"), format!("/{name}/")] {
            assert_eq!(client.get(&target).status, 404, "{target}");
        }
    }
    for target in [
        // Windows takes dots and spaces off the end of a name.
        "/sub/file.txt.",
        "/sub/file.txt...",
        "/sub/file.txt%20",
        "/sub/file.txt%20.",
        "/sub./file.txt",
        "/sub%20/file.txt",
        "/...",
        "/sub/.../file.txt",
        // Drives, shares, devices and the root of the drive.
        "/C:",
        "/C:/",
        "/c:/windows/win.ini",
        "/C%3A/windows/win.ini",
        "/C:secret",
        "/%5C",
        "/%5C%5Clocalhost%5Cc$",
        "/%5C%5C.%5CNUL",
        "/%5C%5C%3F%5CC:%5Cwindows%5Cwin.ini",
        "/sub%5Cfile.txt",
        "/..%5Csecret",
        "/sub%5C..%5C..%5Csecret",
        "//localhost/c$",
        // Streams beside the content.
        "/sub/file.txt:stream",
        "/sub/file.txt::$DATA",
        "/sub/file.txt%3A%3A%24DATA",
        "/sub::$INDEX_ALLOCATION/file.txt",
        // Patterns, and signs that no name has.
        "/sub/file.*",
        "/sub/file.tx%3F",
        "/sub/%3Cfile.txt",
        "/sub/file%7F.txt",
        "/sub/file.txt%0A",
        // Short names of what is hidden.
        "/GIT~1/config",
        "/_GIT~1/config",
    ] {
        let response = client.get(target);
        assert!(matches!(response.status, 400 | 403 | 404), "{target}: {}", response.status);
        assert!(!response.text().contains("inside"), "{target}");
        assert!(!response.text().contains("top secret"), "{target}");
    }
    assert_eq!(client.get("/sub/file.txt").text(), "inside");
    // As Windows means it.
    assert_eq!(client.get("/SUB/File.TXT").text(), "inside");
}

/// What somebody has open for himself is there, and may be free in a moment.
#[test]
fn a_file_that_another_has_for_himself_can_be_tried_again() {
    use std::os::windows::fs::OpenOptionsExt;
    let place = Place::new("shared");
    place.write("file", "x");
    let path = place.root().join("file");
    let server = Server::start(&place.root(), &[]);
    let mut client = server.connect();
    let alone = fs::File::options().read(true).write(true).share_mode(0).open(path).unwrap();
    let response = client.get("/file");
    assert_eq!((response.status, response.field("retry-after")), (503, Some("1")));
    drop(alone);
    assert_eq!(client.get("/file").text(), "x");
}
