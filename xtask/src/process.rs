//! Runs programs: shows what it runs, keeps what they say if asked, and ends what takes too long.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::workspace;

/// How often a running program is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long the pipes of an ended program may stay open, which a grandchild can cause.
const PIPES_LINGER_MAX: Duration = Duration::from_secs(2);

/// Why a step failed, in a sentence for the one who ran it.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// What a step comes to.
pub type Result<T> = std::result::Result<T, Failure>;

/// A program to run.
pub struct Program {
    command: Command,
    shown: String,
    limit: Option<Duration>,
    echo: bool,
    silent: bool,
}

/// How a program ended, and what it said on both streams.
pub struct Ended {
    /// `None` if it was stopped at its time limit.
    pub status: Option<ExitStatus>,
    pub text: String,
    pub elapsed: Duration,
}

impl Ended {
    pub fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// `exit status: 1`, or that it was stopped.
    pub fn manner(&self) -> String {
        match self.status {
            Some(status) => status.to_string(),
            None => format!("stopped after {:.1} s", self.elapsed.as_secs_f64()),
        }
    }
}

impl Program {
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        let mut command = Command::new(&program);
        command.stdin(Stdio::null());
        Self {
            command,
            shown: program.display().to_string(),
            limit: None,
            echo: false,
            silent: false,
        }
    }

    /// The cargo that runs this program.
    pub fn cargo() -> Self {
        let mut cargo = Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.shown = "cargo".to_string();
        cargo
    }

    pub fn args<S: AsRef<str>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        for arg in args {
            self.shown = format!("{} {}", self.shown, arg.as_ref());
            self.command.arg(arg.as_ref());
        }
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.shown = format!("{name}={} {}", value.as_ref().to_string_lossy(), self.shown);
        self.command.env(name, value);
        self
    }

    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.command.current_dir(dir.into());
        self
    }

    /// Ends the program with all it started when this time is over.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// With `capture`: also prints what the program says, as it says it.
    pub fn echo(mut self) -> Self {
        self.echo = true;
        self
    }

    /// Does not show the command: the caller says it better.
    pub fn silent(mut self) -> Self {
        self.silent = true;
        self
    }

    /// Runs on our own streams; anything but success is a failure.
    pub fn run(mut self) -> Result<()> {
        if !self.silent {
            println!("$ {}", self.shown);
        }
        let start = Instant::now();
        let mut child = self.spawn()?;
        let status = wait(&mut child, self.limit)?;
        let ended = Ended { status, text: String::new(), elapsed: start.elapsed() };
        if ended.succeeded() { Ok(()) } else { Err(self.failure(&ended)) }
    }

    /// Runs with both streams kept; how it ended is for the caller to judge.
    pub fn capture(&mut self) -> Result<Ended> {
        if self.echo {
            println!("$ {}", self.shown);
        }
        let start = Instant::now();
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.spawn()?;
        let text = Arc::new(Mutex::new(Vec::new()));
        let (done, ended) = mpsc::channel();
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|stream| Box::new(stream) as _),
            child.stderr.take().map(|stream| Box::new(stream) as _),
        ];
        for stream in streams.into_iter().flatten() {
            let (text, done, echo) = (Arc::clone(&text), done.clone(), self.echo);
            thread::spawn(move || {
                keep(stream, &text, echo);
                // The receiver may have stopped waiting.
                let _ = done.send(());
            });
        }
        let status = wait(&mut child, self.limit)?;
        for _ in 0..2 {
            if ended.recv_timeout(PIPES_LINGER_MAX).is_err() {
                break;
            }
        }
        let bytes = text.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Ended { status, text, elapsed: start.elapsed() })
    }

    /// Like `capture`, but anything except success is a failure that shows what was said.
    pub fn output(mut self) -> Result<String> {
        let ended = self.capture()?;
        if ended.succeeded() {
            return Ok(ended.text);
        }
        let failure = self.failure(&ended);
        let text = if self.echo { "" } else { ended.text.as_str() };
        Err(Failure(format!("{failure}\n{text}")))
    }

    pub fn failure(&self, ended: &Ended) -> Failure {
        Failure(format!("`{}`: {}", self.shown, ended.manner()))
    }

    fn spawn(&mut self) -> Result<Child> {
        own_group(&mut self.command, self.limit.is_some());
        self.command
            .spawn()
            .map_err(|error| Failure(format!("cannot start `{}`: {error}", self.shown)))
    }
}

/// Copies a stream until its end.
fn keep(mut stream: Box<dyn Read + Send>, text: &Mutex<Vec<u8>>, echo: bool) {
    let mut chunk = [0; 8192];
    while let Ok(count @ 1..) = stream.read(&mut chunk) {
        let mut kept = text.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        kept.extend_from_slice(&chunk[..count]);
        if echo {
            // A closed terminal does not make the step fail.
            let _ = io::stdout().write_all(&chunk[..count]);
            let _ = io::stdout().flush();
        }
    }
}

/// `None` if the limit ended it.
fn wait(child: &mut Child, limit: Option<Duration>) -> Result<Option<ExitStatus>> {
    let Some(limit) = limit else { return Ok(Some(child.wait()?)) };
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() >= limit {
            end(child)?;
            return Ok(None);
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// A program with a time limit leads a process group, so that its children end with it.
#[cfg(unix)]
fn own_group(command: &mut Command, limited: bool) {
    use std::os::unix::process::CommandExt;
    if limited {
        command.process_group(0);
    }
}

#[cfg(not(unix))]
fn own_group(_command: &mut Command, _limited: bool) {}

fn end(child: &mut Child) -> io::Result<()> {
    if cfg!(unix) {
        let group = format!("-{}", child.id());
        let ended = Command::new("kill").args(["-KILL", "--", &group]).status();
        if !ended.is_ok_and(|status| status.success()) {
            child.kill()?;
        }
    } else {
        child.kill()?;
    }
    child.wait().map(drop)
}

/// Whether a program of this name can be started.
pub fn is_installed(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// The programs that cargo says it built, as in `Executable tests/net/main.rs (deps/net-0123)`.
pub fn executables(text: &str) -> Vec<PathBuf> {
    let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("Executable "));
    let paths = lines.filter_map(|line| line.rsplit_once(" (")?.1.strip_suffix(')'));
    paths.map(|path| workspace::root().join(path)).collect()
}

/// How many tests ran, by the summaries that test binaries print.
pub fn tests_run(text: &str) -> usize {
    text.lines().filter_map(|line| line.split_once("test result: ")).map(|(_, s)| sum(s)).sum()
}

/// Passed and failed in `ok. 3 passed; 1 failed; 0 ignored; …`.
fn sum(summary: &str) -> usize {
    let words: Vec<&str> = summary.split([' ', ';']).filter(|word| !word.is_empty()).collect();
    words
        .windows(2)
        .filter(|pair| matches!(pair[1], "passed" | "failed"))
        .filter_map(|pair| pair[0].parse::<usize>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_tests_of_every_summary() {
        let text = "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 9 filtered out\n\
                    noise\ntest result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured";
        assert_eq!(tests_run(text), 15);
        assert_eq!(tests_run("running 0 tests"), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_limit_ends_the_whole_family() {
        let limit = Duration::from_millis(200);
        let script = "echo started; sleep 600 & sleep 600";
        let mut program = Program::new("sh").args(["-c", script]).limit(limit);
        let ended = program.capture().expect("sh runs");
        assert!(ended.status.is_none(), "{}", ended.manner());
        assert_eq!(ended.text, "started\n");
        assert!(ended.elapsed < PIPES_LINGER_MAX, "a child kept the pipes: {:?}", ended.elapsed);
    }

    #[cfg(unix)]
    #[test]
    fn a_failure_shows_what_was_said() {
        let failure = Program::new("sh").args(["-c", "echo the cause >&2; exit 3"]).output();
        let failure = failure.expect_err("it exits with 3").to_string();
        assert!(failure.contains("exit status: 3") && failure.contains("the cause"), "{failure}");
    }
}
