//! `mainspring probe`: what this machine offers, and what is chosen.

use std::process::ExitCode;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use mainspring::{Builder, Choice, Kind};
use serde::Serialize;

use crate::arguments::Probe;
use crate::console;

/// Columns of the table: what a terminal has at least.
const WIDTH: u16 = 80;

/// What helps where a mechanism is there and a driver on it could not be opened.
const SHORTAGE: &str = "raise the limits of open files and of locked memory (ulimit -n, ulimit -l)";

/// What was found out. The names of the fields are a promise to the programs that read them.
#[derive(Debug, Serialize)]
struct Report {
    system: System,
    backends: Vec<Backend>,
    chosen: Option<Chosen>,
    /// Why none was chosen.
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct System {
    name: String,
    release: String,
    machine: String,
}

#[derive(Debug, Serialize)]
struct Backend {
    kind: &'static str,
    available: bool,
    reason: Option<String>,
    remedy: Option<String>,
    /// How it is set up for a driver that one thread turns, as `serve` does.
    setup: Option<String>,
    /// What of the kernel it uses then.
    features: Vec<&'static str>,
    native_operations: Vec<&'static str>,
    emulated_operations: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct Chosen {
    kind: &'static str,
    reason: String,
    passed_over: Vec<PassedOver>,
}

#[derive(Debug, Serialize)]
struct PassedOver {
    kind: &'static str,
    reason: String,
    remedy: String,
}

/// Prints the report; it fails if no backend can be used.
pub fn run(arguments: &Probe) -> ExitCode {
    let report = Report::make();
    if arguments.json {
        match serde_json::to_string_pretty(&report) {
            Ok(json) => console::say(&json),
            Err(error) => console::complain(&format!("the report is no JSON: {error}")),
        }
    } else {
        console::say(&report.table());
    }
    if report.chosen.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Report {
    fn make() -> Report {
        let backends = mainspring::probe().into_iter().map(|(kind, available)| match available {
            Ok(()) => Backend::available(kind),
            Err(why) => Backend::missing(kind, why.reason().into(), why.remedy().into()),
        });
        let (chosen, error) = match Builder::new().pinned().build() {
            Ok(driver) => (Some(Chosen::of(driver.handle().backend())), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Report { system: System::this(), backends: backends.collect(), chosen, error }
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
        table.set_header(["backend", "available", "what is in force, or reason and remedy"]);
        for backend in &self.backends {
            let available = if backend.available { "yes" } else { "no" };
            table.add_row([backend.kind, available, &backend.words()]);
        }
        let System { name, release, machine } = &self.system;
        let choice = match (&self.chosen, &self.error) {
            (Some(chosen), _) => format!("auto takes {} ({})", chosen.kind, chosen.reason),
            (None, Some(error)) => format!("auto takes none: {error}"),
            (None, None) => String::new(),
        };
        format!("{name} {release} on {machine}\n{table}\n{choice}")
    }
}

impl Backend {
    /// Opens one to see what is in force.
    fn available(kind: Kind) -> Backend {
        let choice = Choice::Exactly(kind);
        let driver = match Builder::new().choice(choice).pinned().build() {
            Ok(driver) => driver,
            Err(error) => return Backend::missing(kind, error.to_string(), SHORTAGE.into()),
        };
        let handle = driver.handle();
        let chosen = handle.backend();
        Backend {
            available: true,
            reason: None,
            remedy: None,
            setup: Some(chosen.setup().to_string()).filter(|words| !words.is_empty()),
            features: chosen.features().to_vec(),
            native_operations: chosen.native_operations().collect(),
            emulated_operations: chosen.emulated_operations().collect(),
            ..Backend::missing(kind, String::new(), String::new())
        }
    }

    fn missing(kind: Kind, reason: String, remedy: String) -> Backend {
        Backend {
            kind: kind.name(),
            available: false,
            reason: Some(reason),
            remedy: Some(remedy),
            setup: None,
            features: Vec::new(),
            native_operations: Vec::new(),
            emulated_operations: Vec::new(),
        }
    }

    /// The last column.
    fn words(&self) -> String {
        if let (Some(reason), Some(remedy)) = (&self.reason, &self.remedy) {
            return format!("{reason}; {remedy}");
        }
        let mut lines: Vec<String> =
            self.setup.iter().map(|setup| format!("set up: {setup}")).collect();
        let lists = [
            ("in use", &self.features),
            ("native operations", &self.native_operations),
            ("emulated operations", &self.emulated_operations),
        ];
        let lists = lists.iter().filter(|(_, names)| !names.is_empty());
        lines.extend(lists.map(|(what, names)| format!("{what}: {}", names.join(", "))));
        lines.join("\n")
    }
}

impl Chosen {
    fn of(chosen: &mainspring::Chosen) -> Chosen {
        let passed_over = chosen.passed_over().iter().map(|(kind, why)| PassedOver {
            kind: kind.name(),
            reason: why.reason().to_string(),
            remedy: why.remedy().to_string(),
        });
        Chosen {
            kind: chosen.kind().name(),
            reason: chosen.reason().to_string(),
            passed_over: passed_over.collect(),
        }
    }
}

impl System {
    #[cfg(not(unix))]
    fn this() -> System {
        System {
            name: std::env::consts::OS.to_string(),
            release: "of a release it does not tell".to_string(),
            machine: std::env::consts::ARCH.to_string(),
        }
    }

    #[cfg(unix)]
    fn this() -> System {
        let uname = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        System {
            name: text(uname.sysname()),
            release: text(uname.release()),
            machine: text(uname.machine()),
        }
    }
}
