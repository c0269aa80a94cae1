//! The house: which room of the library may use which.
//!
//! Read it from the ground up. A room is a module of `crates/mainspring/src`, written as a path:
//! `backend/epoll` is that file, `time` is the door `time/mod.rs` alone, `sys/**` is the folder
//! with all it holds. A room may use itself and the rooms in its row, nothing else; test code is
//! free. What a door hands on counts as its own room: `crate::time::Clock` is `time/clock`.
//! ARCHITECTURE.md tells the same in prose: change both together.

/// One floor: rooms with the same rights.
pub struct Floor {
    pub rooms: &'static [&'static str],
    pub may_use: &'static [&'static [&'static str]],
}

const VOCABULARY: &[&str] =
    &["token", "interest", "ready", "event", "trigger", "error", "kind", "source"];
const SYNC: &[&str] = &["sync/**"];
const CLOCK: &[&str] = &["time/clock", "time/wheel"];
const SYS: &[&str] = &["sys/**"];
const METRICS: &[&str] = &["metrics/**"];
const READINESS: &[&str] = &["readiness/**"];
const COMPLETION: &[&str] = &["completion/**"];
const SIM: &[&str] = &["sim/**"];
const CONTRACT: &[&str] = &["backend/contract"];
const CHOOSE: &[&str] = &["backend/choose"];
const EMULATE: &[&str] = &["backend/emulate"];
const PORT: &[&str] = &["backend/port/**"];
const MECHANISMS: &[&str] =
    &["backend/epoll", "backend/kqueue", "backend/poll/**", "backend/uring/**", "backend/iocp/**"];
const SIM_BACKEND: &[&str] = &["backend/sim"];
const BACKEND: &[&str] = &["backend"];
const SOCKET: &[&str] = &["socket", "socket/**"];
const POLLER: &[&str] = &["poller/**"];
const DRIVER: &[&str] = &["driver/**"];
const OP: &[&str] = &["op/**"];
const TIMERS: &[&str] = &["time/sleep", "time/interval", "time/timeout"];
const TIME: &[&str] = &["time"];
const PIPES_AND_SIGNALS: &[&str] = &["pipe/**", "signal/**"];
const PROCESS: &[&str] = &["process/**"];
const NET_AND_FILES: &[&str] = &["net/**", "fs/**"];
const TOP: &[&str] = &["rt/**", "os/**"];

/// The dependency law. `lib.rs` only re-exports and may name every room.
pub const HOUSE: &[Floor] = &[
    // Plain values; no OS, no cfg.
    Floor { rooms: VOCABULARY, may_use: &[VOCABULARY] },
    // The ground: threads, time and the OS, each under one name.
    Floor { rooms: SYNC, may_use: &[VOCABULARY] },
    Floor { rooms: CLOCK, may_use: &[VOCABULARY, SYNC, CLOCK] },
    Floor { rooms: SYS, may_use: &[VOCABULARY, SYNC] },
    // Pure state: these make no system call, hence no `sys`.
    Floor { rooms: METRICS, may_use: &[VOCABULARY, SYNC, CLOCK] },
    Floor { rooms: READINESS, may_use: &[VOCABULARY, SYNC, CLOCK] },
    Floor { rooms: COMPLETION, may_use: &[VOCABULARY, SYNC, CLOCK] },
    Floor { rooms: SIM, may_use: &[VOCABULARY, SYNC, CLOCK] },
    // The law of a backend, and the choice among them.
    Floor {
        rooms: CONTRACT,
        may_use: &[VOCABULARY, SYNC, CLOCK, SYS, METRICS, READINESS, COMPLETION],
    },
    Floor { rooms: CHOOSE, may_use: &[VOCABULARY, CONTRACT] },
    // One mechanism a file. They never use each other; `emulate` is what they share, and `port`
    // those that have a completion port.
    Floor {
        rooms: PORT,
        may_use: &[VOCABULARY, SYNC, CLOCK, SYS, METRICS, READINESS, COMPLETION, CONTRACT],
    },
    Floor {
        rooms: EMULATE,
        may_use: &[VOCABULARY, SYNC, CLOCK, SYS, METRICS, READINESS, COMPLETION, CONTRACT],
    },
    Floor {
        rooms: MECHANISMS,
        may_use: &[
            VOCABULARY, SYNC, CLOCK, SYS, METRICS, READINESS, COMPLETION, CONTRACT, EMULATE, PORT,
        ],
    },
    // The simulator's backend: `sim` instead of `sys`.
    Floor {
        rooms: SIM_BACKEND,
        may_use: &[VOCABULARY, SYNC, CLOCK, METRICS, READINESS, COMPLETION, SIM, CONTRACT, EMULATE],
    },
    // The door: the only place that names a mechanism.
    Floor {
        rooms: BACKEND,
        may_use: &[
            VOCABULARY,
            SYNC,
            CLOCK,
            SYS,
            METRICS,
            READINESS,
            COMPLETION,
            CONTRACT,
            CHOOSE,
            EMULATE,
            MECHANISMS,
            SIM_BACKEND,
            SIM,
        ],
    },
    Floor { rooms: SOCKET, may_use: &[VOCABULARY, SYNC, CLOCK, SYS, SIM, SOCKET] },
    // The loop: bare, and with registrations, timers and wakers. `sim` only as the world that a
    // simulated queue carries with it, never for what is in it.
    Floor {
        rooms: POLLER,
        may_use: &[
            VOCABULARY, SYNC, CLOCK, SYS, METRICS, READINESS, COMPLETION, BACKEND, CONTRACT,
            CHOOSE, SIM,
        ],
    },
    Floor {
        rooms: DRIVER,
        may_use: &[
            VOCABULARY, SYNC, CLOCK, SYS, METRICS, READINESS, COMPLETION, BACKEND, CONTRACT,
            CHOOSE, SOCKET, SIM,
        ],
    },
    Floor {
        rooms: OP,
        may_use: &[
            VOCABULARY, SYNC, CLOCK, SYS, METRICS, READINESS, COMPLETION, BACKEND, CONTRACT,
            CHOOSE, SOCKET, DRIVER,
        ],
    },
    Floor { rooms: TIMERS, may_use: &[VOCABULARY, SYNC, CLOCK, DRIVER, TIMERS] },
    Floor { rooms: TIME, may_use: &[VOCABULARY, CLOCK, TIMERS] },
    // The types that applications hold.
    Floor {
        rooms: NET_AND_FILES,
        may_use: &[VOCABULARY, SYNC, CLOCK, SYS, COMPLETION, SOCKET, DRIVER, OP, TIMERS, TIME],
    },
    Floor {
        rooms: PIPES_AND_SIGNALS,
        may_use: &[VOCABULARY, SYNC, CLOCK, SYS, COMPLETION, SOCKET, DRIVER, OP, TIMERS, TIME],
    },
    Floor {
        rooms: PROCESS,
        may_use: &[
            VOCABULARY,
            SYNC,
            CLOCK,
            SYS,
            COMPLETION,
            SOCKET,
            DRIVER,
            OP,
            TIMERS,
            TIME,
            PIPES_AND_SIGNALS,
        ],
    },
    Floor {
        rooms: TOP,
        may_use: &[
            VOCABULARY,
            SYNC,
            CLOCK,
            SYS,
            METRICS,
            COMPLETION,
            SOCKET,
            POLLER,
            DRIVER,
            OP,
            TIMERS,
            TIME,
            NET_AND_FILES,
            PIPES_AND_SIGNALS,
            PROCESS,
        ],
    },
];

/// The room that a module lies in, as the table writes it.
pub fn room_of(module: &str) -> Option<&'static str> {
    let rooms = HOUSE.iter().flat_map(|floor| floor.rooms).copied();
    rooms.into_iter().find(|room| covers(room, module))
}

/// Whether the first room may use the second.
pub fn may_use(room: &str, other: &str) -> bool {
    room == other || allowance(room).any(|allowed| allowed == other)
}

/// All that a room may use, from the ground up.
pub fn allowance(room: &str) -> impl Iterator<Item = &'static str> {
    let floor = HOUSE.iter().find(|floor| floor.rooms.contains(&room));
    floor.into_iter().flat_map(|floor| floor.may_use).flat_map(|group| group.iter()).copied()
}

fn covers(room: &str, module: &str) -> bool {
    match room.strip_suffix("/**") {
        Some(folder) => module.strip_prefix(folder).is_some_and(is_end_or_below),
        None => room == module,
    }
}

fn is_end_or_below(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('/')
}
