//! What is said to arguments that cannot be followed.

use std::path::Path;
use std::process::{Command, Output};

use crate::place::Place;
use crate::server::Server;

fn run(arguments: &[&str], directory: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainspring"));
    command.args(arguments).current_dir(directory).env_remove("MAINSPRING_BACKEND");
    command.output().unwrap()
}

/// The exit status and what was complained.
fn complaint(arguments: &[&str], directory: &Path) -> (Option<i32>, String) {
    let output = run(arguments, directory);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn errors_are_words_with_a_remedy() {
    let place = Place::new("errors");
    place.write("file", "x");
    let table: &[(&[&str], i32, &[&str])] = &[
        (&["--backend", "kpoll"], 2, &["kpoll", "epoll", "auto"]),
        (&["--backend", "sim"], 1, &["sim"]),
        (&["--cores", "0"], 2, &["from 1"]),
        (&["--drain", "soon"], 2, &["10s"]),
        (&["--addr", "nowhere"], 1, &["nowhere", "127.0.0.1:8080"]),
        (&["--addr", "192.0.2.1:0"], 1, &["192.0.2.1", "--addr"]),
        (&["missing", "--addr", "0"], 1, &["missing", "check the path"]),
        (&["file", "--addr", "0"], 1, &["file", "no directory"]),
        (&["serve", "a", "b"], 2, &["b"]),
    ];
    for (arguments, status, words) in table {
        let (code, said) = complaint(arguments, &place.root());
        assert_eq!(code, Some(*status), "{arguments:?}: {said}");
        for word in *words {
            assert!(said.contains(word), "{word:?} for {arguments:?}: {said}");
        }
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn an_address_in_use_is_named_with_the_way_out() {
    let place = Place::new("in-use");
    let server = Server::start(&place.root(), &[]);
    let address = server.address.to_string();
    for cores in ["1", "2"] {
        let (code, said) = complaint(&["--addr", &address, "--cores", cores], &place.root());
        assert_eq!(code, Some(1));
        assert!(said.contains(&address) && said.contains("--addr"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new("pipe");
    for arguments in [&["probe"][..], &["probe", "--json"], &["--help"], &["--version"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mainspring"));
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        drop(reader);
        command.args(arguments).stdout(writer).stderr(std::process::Stdio::piped());
        let output = command.current_dir(place.root()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn the_current_directory_is_served_by_default() {
    let place = Place::new("default");
    let server = Server::start_in(&place.root());
    let greeting = &server.greeting;
    let kind = if cfg!(windows) { "iocp" } else { "epoll" };
    assert!(greeting.contains(kind) && greeting.contains("1 core;"), "{greeting}");
    let root = place.root().canonicalize().unwrap();
    assert!(greeting.contains(root.to_str().unwrap()), "{greeting}");
    assert_eq!(server.connect().get("/").status, 200);
}
