//! The server under test, as a process.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::ending::{self, Ending};

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub greeting: String,
    out: Receiver<String>,
    err: Receiver<String>,
}

/// What a server left behind.
pub struct Farewell {
    pub status: ExitStatus,
    pub out: Vec<String>,
    pub err: Vec<String>,
}

impl Server {
    pub fn start(root: &Path, arguments: &[&str]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mainspring"));
        command.arg("serve").arg(root).args(["--addr", "127.0.0.1:0"]).args(arguments);
        Server::spawn(command)
    }

    /// Starts the program without a command in a directory.
    pub fn start_in(root: &Path) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mainspring"));
        command.args(["--addr", "127.0.0.1:0"]).current_dir(root);
        Server::spawn(command)
    }

    /// Starts a server that the shell lowers a limit for first.
    #[cfg(unix)]
    pub fn start_limited(root: &Path, limit: &str) -> Server {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{limit} && exec \"$0\" serve \"$1\" --addr 127.0.0.1:0"));
        command.arg(env!("CARGO_BIN_EXE_mainspring")).arg(root);
        Server::spawn(command)
    }

    fn spawn(mut command: Command) -> Server {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_remove("MAINSPRING_BACKEND");
        ending::prepare(&mut command);
        let mut child = command.spawn().unwrap();
        let out = lines(child.stdout.take().unwrap());
        let err = lines(child.stderr.take().unwrap());
        let greeting = out.recv_timeout(PATIENCE).expect("a server says where it listens");
        let (_, rest) = greeting.split_once("http://").expect("the line has an address");
        let (address, _) = rest.split_once('/').expect("the address ends with a slash");
        Server { address: address.parse().unwrap(), child, greeting, out, err }
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Tells it to end.
    pub fn tell(&self, ending: Ending) {
        ending::tell(&self.child, ending);
    }

    /// Sends it any signal.
    #[cfg(unix)]
    pub fn signal(&self, signal: rustix::process::Signal) {
        ending::send(&self.child, signal);
    }

    /// The next line of complaint.
    pub fn complaint(&self) -> String {
        self.err.recv_timeout(PATIENCE).expect("the server complains")
    }

    /// Waits for the end.
    pub fn wait(mut self) -> Farewell {
        let deadline = Instant::now() + PATIENCE;
        // The pipe is closed by the end of the process, so this waits for that.
        let out = rest(&self.out, deadline);
        let err = rest(&self.err, deadline);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Farewell { status, out, err };
            }
            assert!(Instant::now() < deadline, "the server does not end");
            thread::yield_now();
        }
    }

    /// Ends it with Ctrl-C.
    pub fn stop(self) -> Farewell {
        self.tell(Ending::Interrupt);
        self.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Farewell {
    /// The summary's number before these words.
    pub fn number(&self, words: &str) -> u64 {
        let line = self.out.last().expect("a summary");
        let before = &line[..line.find(words).unwrap_or_else(|| panic!("{words:?} in {line:?}"))];
        before.trim_end().rsplit(' ').next().unwrap().parse().unwrap()
    }
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn rest(lines: &Receiver<String>, deadline: Instant) -> Vec<String> {
    let mut rest = Vec::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => rest.push(line),
            Err(RecvTimeoutError::Disconnected) => return rest,
            Err(RecvTimeoutError::Timeout) => panic!("the server goes on: {rest:?}"),
        }
    }
}
