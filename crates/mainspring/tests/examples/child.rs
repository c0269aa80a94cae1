//! Examples as child processes that end with the test, and never keep it waiting for ever.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// Nothing here takes longer, but for the building of an example that is not there yet.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How often a child is asked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The program of an example. `cargo test` builds the examples beside the tests; a run that was
/// told to build one test alone does not, and then it is done here.
pub(crate) fn example(name: &str) -> PathBuf {
    // The test lies in `deps`, and beside that folder are the examples.
    let test = std::env::current_exe().expect("a test knows where it lies");
    let profile = test.ancestors().nth(2).expect("a folder above `deps`");
    let program = profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    // One at a time: a program is not started while another test writes it.
    static BUILDING: Mutex<()> = Mutex::new(());
    let _alone = BUILDING.lock();
    if !is_fresh(&program) {
        build(name, profile.parent().expect("a target folder"));
    }
    program
}

/// Whether it is there and as young as everything it was made from, which cargo notes beside it.
fn is_fresh(program: &Path) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    let (Ok(built), Ok(note)) =
        (modified(program), fs::read_to_string(program.with_extension("d")))
    else {
        return false;
    };
    let mut sources = note.split_whitespace().skip(1);
    sources.all(|source| modified(Path::new(source)).is_ok_and(|written| written <= built))
}

fn build(name: &str, target: &Path) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--example", name, "--target-dir"]).arg(target);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
    assert!(status.success(), "building the example {name}: {status}");
}

/// A child, killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// Starts a program whose lines on standard output will be read.
    pub(crate) fn start(command: &mut Command) -> Running {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = mpsc::channel();
        // Ends with the child's output; nobody may listen any more by then.
        thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Running { child, lines }
    }

    /// The next line it says.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line on standard output")
    }

    /// The process.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for its end by itself.
    #[track_caller]
    pub(crate) fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return status;
            }
            assert!(Instant::now() < deadline, "it did not end within {PATIENCE:?}");
            thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
