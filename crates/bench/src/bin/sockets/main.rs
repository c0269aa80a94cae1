//! Load proofs, and a comparison with mio, that run on every system: under Wine too.
//!
//! Everything happens in one process: a count of its handles before and after says whether any
//! was lost, and what both contenders stand on is the same in every moment.
#![allow(missing_docs)]

mod cancel;
mod churn;
mod echo;
mod handles;
mod many;
#[path = "../../ratio.rs"]
mod ratio;
mod register;
mod servers;

use std::io;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Load proofs and a comparison with mio, on every system")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Many sockets on one driver, all waited for at once.
    Many {
        /// Sockets: two for a connection.
        #[arg(long, default_value_t = 10_000)]
        sockets: usize,
    },
    /// Connections that come and go; no handle is left.
    Churn {
        /// Connections, one after the other.
        #[arg(long, default_value_t = 100_000)]
        cycles: usize,
    },
    /// Waits that are given up while what they wait for arrives; no byte is lost.
    Cancel {
        /// Connections with a wait each.
        #[arg(long, default_value_t = 1000)]
        sockets: usize,
        /// How often each wait is given up.
        #[arg(long, default_value_t = 10)]
        rounds: usize,
    },
    /// Echo throughput beside mio's.
    Echo {
        /// Connections, a list.
        #[arg(long, value_delimiter = ',', default_values_t = [1, 50, 500])]
        connections: Vec<usize>,
        #[command(flatten)]
        plan: echo::Plan,
    },
    /// Registering and deregistering beside mio.
    Register {
        /// Sockets that are there.
        #[arg(long, default_value_t = 500)]
        sockets: usize,
        /// Turns; in each, both are measured once.
        #[arg(long, default_value_t = 30)]
        turns: usize,
    },
}

fn main() -> io::Result<()> {
    match Arguments::parse().command {
        Command::Many { sockets } => many::run(sockets),
        Command::Churn { cycles } => churn::run(cycles),
        Command::Cancel { sockets, rounds } => cancel::run(sockets, rounds),
        Command::Echo { connections, plan } => {
            connections.into_iter().try_for_each(|connections| echo::run(connections, plan))
        }
        Command::Register { sockets, turns } => register::run(sockets, turns),
    }
}
