//! What can be asked of the program.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use mainspring::{Choice, Kind};

/// The I/O driver for async Rust, from the command line.
#[derive(Debug, Parser)]
#[command(name = "mainspring", version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// What to do; without it, `serve`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of `serve`, which may do without its name.
    #[command(flatten)]
    pub serve: Serve,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the files below a directory over HTTP/1.1 (the default command)
    Serve(Serve),
    /// Show which backends this machine offers, and which one is chosen
    Probe(Probe),
}

/// The options of `serve`.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// The directory to serve
    #[arg(value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// Where to listen: an address and a port, or a port of 127.0.0.1; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub addr: String,
    /// The backend: auto, or names in the order to try them, such as `epoll`
    #[arg(long, value_name = "KIND", default_value = "auto", value_parser = backend)]
    pub backend: Choice,
    /// How many cores to serve on, each with a driver of its own
    #[arg(long, value_name = "N", default_value = "1", value_parser = cores)]
    pub cores: usize,
    /// How long a client may take for the head of a request
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub header_timeout: Duration,
    /// How long a connection may rest between two requests
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub idle_timeout: Duration,
    /// How long a client may take nothing of its response
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub write_timeout: Duration,
    /// How long a client may take to close its side after ours [default: 5s; 3s after Ctrl-C]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub close_timeout: Option<Duration>,
    /// How long responses under way may take after Ctrl-C
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub drain: Duration,
    /// Serve and list names that begin with a dot, too (`/.well-known` is always served)
    #[arg(long)]
    pub hidden: bool,
}

/// The options of `probe`.
#[derive(Args, Clone, Debug)]
pub struct Probe {
    /// Print JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// Threads at most; above this it is a slip of the finger.
const CORES_MAX: usize = 1024;

fn cores(text: &str) -> Result<usize, String> {
    match text.parse::<NonZeroUsize>() {
        Ok(cores) if cores.get() <= CORES_MAX => Ok(cores.get()),
        _ => Err(format!("give a number from 1 to {CORES_MAX}")),
    }
}

fn backend(text: &str) -> Result<Choice, String> {
    if text.trim() == "auto" {
        return Ok(Choice::Auto);
    }
    let kinds: Result<Vec<Kind>, _> = text.split(',').map(str::parse).collect();
    let mut kinds = kinds.map_err(|error| format!("{error}, or auto"))?;
    Ok(if kinds.len() == 1 { Choice::Exactly(kinds.remove(0)) } else { Choice::FirstOf(kinds) })
}

/// A time with its unit: `500ms`, `10s`, `2m`, `1h`; without a unit, seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || String::from("give a time such as 500ms, 10s, 2m or 1h");
    let text = text.trim();
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn serve_is_the_default_command() {
        let bare = Arguments::try_parse_from(["mainspring"]).unwrap();
        assert!(bare.command.is_none());
        assert_eq!(bare.serve.directory, PathBuf::from("."));
        let with = Arguments::try_parse_from(["mainspring", "files", "--addr", "0"]).unwrap();
        assert_eq!((with.serve.directory, with.serve.addr), ("files".into(), "0".into()));
        let named = Arguments::try_parse_from(["mainspring", "serve", "--cores", "3"]).unwrap();
        assert!(matches!(named.command, Some(Command::Serve(Serve { cores: 3, .. }))));
    }

    #[test]
    fn times_have_units() {
        let table =
            [("10", 10_000), ("10s", 10_000), ("500ms", 500), ("1.5s", 1500), ("2m", 120_000)];
        for (text, milliseconds) in table {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "1d", "-1s", "1..2s", "9999999999999999999999h", "ten"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn backends_are_names_in_an_order() {
        assert_eq!(backend("auto"), Ok(Choice::Auto));
        assert_eq!(backend("epoll"), Ok(Choice::Exactly(Kind::Epoll)));
        assert_eq!(backend("sim,epoll"), Ok(Choice::FirstOf(vec![Kind::Sim, Kind::Epoll])));
        let error = backend("kpoll").unwrap_err();
        assert!(error.contains("kpoll") && error.contains("epoll") && error.contains("auto"));
    }

    #[test]
    fn there_is_at_least_one_core() {
        assert_eq!(cores("2"), Ok(2));
        for text in ["0", "-1", "x", "100000"] {
            assert!(cores(text).is_err(), "{text}");
        }
    }
}
