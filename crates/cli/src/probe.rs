//! `mainspring probe`: what this machine offers, and what is chosen.

use std::process::ExitCode;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use mainspring::Builder;
use serde::Serialize;

use crate::arguments::Probe;
use crate::console;

/// Columns of the table: what a terminal has at least.
const WIDTH: u16 = 80;

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
        let backends = mainspring::probe().into_iter().map(|(kind, available)| {
            let why = available.err();
            Backend {
                kind: kind.name(),
                available: why.is_none(),
                reason: why.as_ref().map(|why| why.reason().to_string()),
                remedy: why.as_ref().map(|why| why.remedy().to_string()),
            }
        });
        let (chosen, error) = match Builder::new().build() {
            Ok(driver) => (Some(Chosen::of(driver.handle().backend())), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Report { system: System::this(), backends: backends.collect(), chosen, error }
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
        table.set_header(["backend", "available", "reason and remedy"]);
        for backend in &self.backends {
            let why = match (&backend.reason, &backend.remedy) {
                (Some(reason), Some(remedy)) => format!("{reason}; {remedy}"),
                _ => String::new(),
            };
            let available = if backend.available { "yes" } else { "no" };
            table.add_row([backend.kind, available, &why]);
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
