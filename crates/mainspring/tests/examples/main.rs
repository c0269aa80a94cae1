//! The examples do what they say: each is run as a program of its own and talked to.

#[cfg(unix)]
mod chat;
mod child;
mod echo;
mod proxy;

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use child::{PATIENCE, Running, example};

/// Starts an example and returns it with the address that its first line tells.
fn listening(name: &str, arguments: &[&str]) -> (Running, SocketAddr) {
    let running = Running::start(Command::new(example(name)).args(arguments));
    let line = running.line();
    // "NAME on ADDRESS …"
    let address = line.split_whitespace().nth(2).and_then(|word| word.parse().ok());
    let address = address.unwrap_or_else(|| panic!("an address in {line:?}"));
    (running, address)
}

/// A connection whose calls end, one way or another.
fn connect(address: SocketAddr) -> TcpStream {
    bounded(TcpStream::connect_timeout(&address, PATIENCE).expect("a connection"))
}

fn bounded(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

#[test]
fn any_executor_and_embed_run_to_their_end() {
    for name in ["any_executor", "embed"] {
        let mut running = Running::start(&mut Command::new(example(name)));
        let line = running.line();
        assert!(running.end().success(), "{name} said {line:?}");
    }
}

#[test]
fn wrong_arguments_are_refused_in_words() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let taken = taken.local_addr().expect("an address").to_string();
    let cases: &[(&str, &[&str], &str)] = &[
        ("echo", &["not an address"], "not an address"),
        ("echo", &["--backend", "pigeon"], "choose one of"),
        ("echo", &["--backend"], "a value is missing"),
        ("echo", &["--cores", "0"], "at least one"),
        ("echo", &["--cores", "many"], "--cores"),
        ("echo", &["--colour"], "no option --colour"),
        ("echo", &[&taken], &taken),
        ("proxy", &["127.0.0.1:0"], "two addresses"),
        ("proxy", &[&taken, "127.0.0.1:1"], &taken),
    ];
    let of_chat: &[(&str, &[&str], &str)] = &[
        ("chat", &[], "the path of a socket"),
        ("chat", &["somewhere", "soon"], "a number of seconds"),
        ("chat", &["/no/such/folder/socket"], "/no/such/folder/socket"),
    ];
    // Its sockets are Unix's.
    let of_chat = if cfg!(unix) { of_chat } else { &[] };
    for (name, arguments, word) in cases.iter().chain(of_chat) {
        let mut command = Command::new(example(name));
        let mut running = Running::start(command.args(*arguments).stderr(Stdio::piped()));
        let status = running.end();
        let mut complaints = String::new();
        let stderr = running.child().stderr.as_mut().expect("it is piped");
        stderr.read_to_string(&mut complaints).expect("text");
        assert!(!status.success(), "{name} {arguments:?}");
        assert!(complaints.contains(word), "{name} {arguments:?} said {complaints:?}");
        assert!(!complaints.contains("panicked"), "{name} {arguments:?} said {complaints:?}");
    }
}

/// Unix sockets are there for Unix alone, so `chat` is, too; on Windows it says so.
#[cfg(windows)]
#[test]
fn chat_is_left_out_in_words() {
    let mut running = Running::start(Command::new(example("chat")).stderr(Stdio::piped()));
    assert!(!running.end().success());
    println!("left out: `chat` needs Unix sockets, which the library has on Unix alone");
}
