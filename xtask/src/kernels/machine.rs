//! A machine that qemu emulates: its memory holds a kernel, our programs and a script, and what
//! the script prints on the serial line is all that comes out.
//!
//! Every instruction is translated (TCG), so it runs wherever qemu does, ten times as slow.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::debian::Boot;
use super::initramfs::Initramfs;
use crate::process::{Failure, Program, Result};

/// Everything that qemu knows, but not `cmpxchg16b`, which newer kernels use without a lock in
/// their allocator. With it and qemu 7.2, one in six machines with Linux 6.12 died in `kmalloc`
/// at start; without it none of forty.
const CPU: &str = "max,cx16=off";
/// When a machine that does not end by itself is stopped: several times what the slowest takes.
const LIMIT: Duration = Duration::from_secs(400);
/// A factor on the limits of single tests; the machine is slow, and its host may be busy.
const PATIENCE: &str = "6";
/// How much of the console is shown when a machine ends too early.
const TAIL_LINES: usize = 60;

/// Marks at the beginning of a line that no program of ours prints by itself.
const BEGIN: &str = "::begin ";
const END: &str = "::end ";
const RELEASE: &str = "::kernel ";
const DONE: &str = "::done";

/// Devices and file systems as programs expect them, a loopback with multicast, and descriptors
/// enough for the tests that open thousands.
const SET_UP: &str = r#"#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs -o mode=1777 tmp /tmp
ip link set lo up multicast on
ip route add 224.0.0.0/4 dev lo
ulimit -n 65536
run() {
    echo "::begin $1"
    before=$(cut -d' ' -f1 /proc/uptime)
    ( eval "$2" ) 2>&1 < /dev/null
    status=$?
    echo
    echo "::end $status $before $(cut -d' ' -f1 /proc/uptime)"
}
echo "::kernel $(uname -r)"
"#;

/// A line for the machine's shell, and the name its outcome is shown under.
pub struct Command {
    pub name: String,
    pub line: String,
}

/// What came of a command.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub name: String,
    pub status: i32,
    pub seconds: f64,
    pub text: String,
}

/// What came of a machine.
#[derive(Debug, PartialEq)]
pub struct Report {
    pub release: String,
    pub outcomes: Vec<Outcome>,
}

/// Starts a machine, has it carry out the commands one by one, and waits for its end.
pub fn run(boot: &Boot, programs: &[PathBuf], commands: &[Command]) -> Result<Report> {
    let initramfs = crate::workspace::target().join("kernels/initramfs");
    write(&initramfs, &boot.busybox, programs, commands)?;
    let mut qemu = Program::new("qemu-system-x86_64")
        .args(["-accel", "tcg", "-cpu", CPU, "-smp", "2", "-m", "768"])
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio"])
        .args(["-no-reboot", "-kernel", &boot.kernel.to_string_lossy()])
        .args(["-initrd", &initramfs.to_string_lossy()])
        // An oops is a panic, a panic a reboot at once, and that the end: see `-no-reboot`.
        .args(["-append", "console=ttyS0 quiet oops=panic panic=-1"])
        .limit(LIMIT);
    let ended = qemu.capture()?;
    let report = read(&ended.text);
    report.filter(|_| ended.succeeded()).ok_or_else(|| {
        let lines: Vec<&str> = ended.text.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
        Failure::new(format!("the machine ended too early: {}\n{tail}", ended.manner()))
    })
}

fn write(at: &Path, busybox: &Path, programs: &[PathBuf], commands: &[Command]) -> Result<()> {
    let mut archive = Initramfs::new(BufWriter::new(File::create(at)?));
    for folder in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
        archive.folder(folder, 0o755)?;
    }
    archive.program("etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n")?;
    archive.program("bin/busybox", &fs::read(busybox)?)?;
    for program in programs {
        archive.program(&format!("bin/{}", file_name(program)), &fs::read(program)?)?;
    }
    archive.program("init", script(commands).as_bytes())?;
    archive.finish()?;
    Ok(())
}

/// What a program is called in the machine: cargo adds a number to the names of tests.
fn file_name(program: &Path) -> String {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    match name.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && hash.chars().all(|c| c.is_ascii_hexdigit()) => {
            name.to_string()
        }
        _ => name.into_owned(),
    }
}

fn script(commands: &[Command]) -> String {
    let mut script = SET_UP.to_string();
    script.push_str(&format!("export MAINSPRING_TEST_PATIENCE={PATIENCE}\n"));
    for Command { name, line } in commands {
        script.push_str(&format!("run {} {}\n", quoted(name), quoted(line)));
    }
    script.push_str(&format!("echo {DONE}\npoweroff -f\n"));
    script
}

/// As one word for the shell.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Reads the console; `None` if the script did not come to its end.
fn read(console: &str) -> Option<Report> {
    let mut report = Report { release: String::new(), outcomes: Vec::new() };
    let mut current: Option<(String, Vec<&str>)> = None;
    for line in console.lines().map(|line| line.trim_end_matches('\r')) {
        if let Some(release) = line.strip_prefix(RELEASE) {
            report.release = release.to_string();
        } else if let Some(name) = line.strip_prefix(BEGIN) {
            current = Some((name.to_string(), Vec::new()));
        } else if let Some(end) = line.strip_prefix(END) {
            let (name, text) = current.take()?;
            let mut numbers = end.split(' ').map(str::parse::<f64>);
            let mut number = || numbers.next()?.ok();
            let (status, before, after) = (number()?, number()?, number()?);
            let text = text.join("\n");
            let status = status as i32;
            report.outcomes.push(Outcome { name, status, seconds: after - before, text });
        } else if line == DONE {
            return Some(report);
        } else if let Some((_, text)) = &mut current {
            text.push(line);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_is_read_between_its_marks() {
        let console = "noise\r\n::kernel 6.1.0-50\r\n::begin one thing\r\ntest a ... ok\r\n\r\n\
                       ::end 0 2.50 4.25\r\n::begin other\r\nmore\r\n::end 101 5.00 5.00\r\n\
                       ::done\r\n[ 3.2] reboot: Power down\r\n";
        let report = read(console).expect("it came to its end");
        assert_eq!(report.release, "6.1.0-50");
        let [one, other] = report.outcomes.as_slice() else { panic!("{report:?}") };
        assert_eq!((one.name.as_str(), one.status, one.seconds), ("one thing", 0, 1.75));
        assert_eq!(one.text, "test a ... ok\n");
        assert_eq!((other.status, other.text.as_str()), (101, "more"));
        let too_early = console.split("::done").next().expect("a beginning");
        assert_eq!(read(too_early), None);
    }

    #[test]
    fn a_program_is_called_as_its_source() {
        assert_eq!(file_name(Path::new("deps/conformance-b17590c7009cacc5")), "conformance");
        assert_eq!(file_name(Path::new("debug/without-uring")), "without-uring");
    }

    #[test]
    fn words_reach_the_shell_whole() {
        let command = Command { name: "it's".into(), line: "x 'a b'".into() };
        assert!(script(&[command]).contains(r"run 'it'\''s' 'x '\''a b'\'''"));
    }
}
