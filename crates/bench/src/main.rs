//! Mainspring beside hand-written loops and its peers.
//!
//! `mainspring-bench echo` starts one echo server a contender, each in a process of its own pinned
//! to the first processor, and drives them in short turns from the second: A B C, B C A …, so that
//! a machine whose speed drifts drifts for all of them. What is compared is the server's processor
//! time for each message, which the load generator's own speed does not touch.

mod compare;
mod files;
mod load;
mod ratio;
mod server;
mod servers;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use compare::Plan;
use load::Load;
use servers::Contender;

#[derive(Parser)]
#[command(about = "Mainspring beside hand-written loops and its peers")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare echo servers by processor time for each message.
    Echo {
        /// Connections, a list.
        #[arg(long, value_delimiter = ',', default_values_t = [1, 100, 1000])]
        connections: Vec<usize>,
        /// How often the servers are started anew.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
        generations: u32,
        /// Turns of one generation; in each, every contender is measured for one slice.
        #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..))]
        turns: u32,
        /// Milliseconds of a slice.
        #[arg(long, default_value_t = 40)]
        slice_ms: u64,
        /// Bytes a message.
        #[arg(long, default_value_t = 64)]
        bytes: usize,
        /// Contenders, the first is the yardstick.
        #[arg(long, value_delimiter = ',', default_values_t = Contender::DEFAULT.to_vec())]
        contenders: Vec<Contender>,
    },
    /// Compare reads of 4 KiB from a file, by time for each read.
    Files {
        /// Reads under way at once, a list.
        #[arg(long, value_delimiter = ',', default_values_t = [1, 32])]
        depths: Vec<usize>,
        /// Where the file is made; a folder on a disk, for reads that pass the cache by.
        #[arg(long, default_value = ".")]
        folder: PathBuf,
        /// Past the cache (`O_DIRECT`); tokio has no aligned buffers and is left out.
        #[arg(long)]
        direct: bool,
        /// How often the contenders are started anew.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
        generations: u32,
        /// Turns of one generation; in each, every contender is measured for one slice.
        #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..))]
        turns: u32,
        /// Reads of a slice.
        #[arg(long, default_value_t = 4096)]
        reads: usize,
    },
    /// Send a number of messages to an echo server, for counting what the server does.
    Load {
        /// The server.
        address: SocketAddr,
        /// Connections.
        connections: usize,
        /// Messages, over all connections.
        messages: u64,
        /// Bytes a message.
        #[arg(long, default_value_t = 64)]
        bytes: usize,
    },
    /// Serve as one contender until standard input ends; prints the address.
    Serve {
        /// Which server.
        contender: Contender,
        /// Where to listen.
        #[arg(default_value = "127.0.0.1:0")]
        address: SocketAddr,
    },
}

fn main() -> io::Result<()> {
    match Arguments::parse().command {
        Command::Serve { contender, address } => servers::serve(contender, address),
        Command::Load { address, connections, messages, bytes } => {
            let done = Load::connect(address, connections, bytes)?.run_messages(messages)?;
            println!("{done} messages");
            Ok(())
        }
        Command::Files { depths, folder, direct, generations, turns, reads } => {
            let (generations, turns) = (generations as usize, turns as usize);
            files::run(&files::Plan { depths, folder, direct, generations, turns, reads })
        }
        Command::Echo { connections, generations, turns, slice_ms, bytes, contenders } => {
            let slice = Duration::from_millis(slice_ms);
            let (generations, turns) = (generations as usize, turns as usize);
            compare::run(&Plan { connections, generations, turns, slice, bytes, contenders })
        }
    }
}
