//! What must not be served, whatever the request looks like.

use crate::place::Place;
use crate::server::Server;

#[test]
fn no_path_leads_out_of_the_directory() {
    let place = Place::new("traversal");
    place.write("sub/file", "inside");
    let server = Server::start(&place.root(), &[]);
    let targets = [
        "/../secret",
        "/sub/../../secret",
        "/sub/..",
        "/..",
        "/%2e%2e/secret",
        "/%2E%2E%2Fsecret",
        "/..%2fsecret",
        "/.%2e/secret",
        "/sub/..%00/secret",
        "/secret%00",
        "/%00",
        "//../secret",
        "/./../secret",
        "/sub/%2e%2e/%2e%2e/secret",
        "/%c0%ae%c0%ae/secret",
        "/..%5csecret",
        "/..;/secret",
        "/%252e%252e/secret",
        "http://test/../secret",
        "http://test/%2e%2e/secret",
    ];
    for target in targets {
        let response = server.connect().get(target);
        assert!(matches!(response.status, 400 | 403 | 404), "{target}: {}", response.status);
        assert!(!response.text().contains("top secret"), "{target}");
    }
    let absolute = format!("/{}", place.outside().join("secret").display());
    for target in [absolute.clone(), absolute.replace('/', "%2f")] {
        let response = server.connect().get(&target);
        assert!(matches!(response.status, 400 | 404), "{target}: {}", response.status);
    }
    assert_eq!(server.connect().get("/sub/./file").text(), "inside");
}

#[cfg(unix)]
#[test]
fn no_link_leads_out_of_the_directory() {
    use std::os::unix::fs::symlink;
    let place = Place::new("links");
    place.write("sub/file", "inside");
    let root = place.root();
    symlink(place.outside().join("secret"), root.join("absolute")).unwrap();
    symlink("../secret", root.join("relative")).unwrap();
    symlink("..", root.join("above")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    symlink("/proc/self/root", root.join("magic")).unwrap();
    symlink("sub/file", root.join("within")).unwrap();
    let server = Server::start(&root, &[]);
    let mut client = server.connect();
    for target in
        ["/absolute", "/relative", "/above/secret", "/above/", "/loop", "/magic/etc/passwd"]
    {
        let response = client.get(target);
        assert_eq!(response.status, 403, "{target}: {}", response.text());
        assert!(!response.text().contains("top secret"), "{target}");
    }
    assert_eq!(client.get("/within").text(), "inside");
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_opened() {
    let place = Place::new("special");
    let fifo = place.root().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(place.root().join("socket")).unwrap();
    let server = Server::start(&place.root(), &[]);
    let mut client = server.connect();
    for target in ["/fifo", "/socket"] {
        assert_eq!(client.get(target).status, 403, "{target}");
    }
    let page = client.get("/").text();
    assert!(!page.contains("fifo") && !page.contains("socket"), "{page}");
}

#[test]
fn what_is_not_there_is_not_found() {
    let place = Place::new("missing");
    place.write("file", "x");
    let server = Server::start(&place.root(), &[]);
    let mut client = server.connect();
    let long = format!("/{}", "x".repeat(300));
    for target in ["/nothing", "/nothing/", "/file/", "/file/x", long.as_str()] {
        assert_eq!(client.get(target).status, 404, "{target}");
    }
    assert_eq!(client.get("/file?query").text(), "x");
}

#[test]
fn other_methods_are_told_which_there_are() {
    let place = Place::new("methods");
    place.write("file", "x");
    let server = Server::start(&place.root(), &[]);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"] {
        let mut client = server.connect();
        client.ask(method, "/file", "Content-Length: 3\r\n");
        client.send(b"abc");
        let response = client.response(true);
        assert_eq!((response.status, response.field("allow")), (405, Some("GET, HEAD")));
    }
}

#[test]
fn requests_that_are_not_http_are_refused() {
    let place = Place::new("nonsense");
    place.write("file", "x");
    let server = Server::start(&place.root(), &[]);
    for request in [
        "GET /file HTTP/1.1\r\n\r\n",
        "GET /file HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /fi le HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET file HTTP/1.1\r\nHost: a\r\n\r\n",
        "\u{16}\u{3}\u{1} hello\r\n\r\n",
        "GET /% HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(request.as_bytes());
        let response = client.response(true);
        assert_eq!(response.status, 400, "{request:?}");
    }
    let mut client = server.connect();
    client.send(b"GET /file HTTP/1.0\r\n\r\n");
    assert_eq!(client.response(true).text(), "x", "HTTP/1.0 knows no Host");
    assert!(client.rest().unwrap().is_empty(), "and no second request");
}
