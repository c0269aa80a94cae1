//! The life of one core's server: it accepts until a signal comes, then drains.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mainspring::Handle;
use mainspring::net::TcpListener;
use mainspring::rt::{JoinHandle, spawn_local, yield_now};
use mainspring::signal::{Signal, SignalKind, signal};
use mainspring::time::sleep;

use crate::console;

use super::accept::accept;
use super::connection::Site;
use super::drain::{Drain, Stage};
use super::request::Files;
use super::statistics::{Statistics, Summary};
use super::watch::Patience;

/// What all cores have to know.
#[derive(Debug)]
pub struct Plan {
    /// What is served.
    pub files: Files,
    /// The patience with clients.
    pub patience: Patience,
    /// How long responses under way may take after the first signal.
    pub drain: Duration,
    /// What is said when everything is ready.
    pub greeting: String,
    /// Where the cores wait for each other.
    pub start: Start,
}

/// The moment from which all cores hear of signals.
///
/// The first core that listens to a signal turns its default effect off. A signal that came before
/// the others listened too would end that core alone, and the rest would serve on unaware of it.
/// So each core listens, waits for the others, and asks what has come; if any has heard a signal,
/// it is meant for all.
#[derive(Debug)]
pub struct Start {
    together: Barrier,
    ended: AtomicBool,
}

impl Start {
    /// For so many cores, each of which has to come to [`meet`](Self::meet).
    pub fn of(cores: usize) -> Start {
        Start { together: Barrier::new(cores), ended: AtomicBool::new(false) }
    }

    /// Blocks until all cores are here, and says whether a signal came to any of them. `heard`
    /// looks whether one came to this core since it was asked last.
    fn meet(&self, mut heard: impl FnMut() -> bool) -> bool {
        self.together.wait();
        if heard() {
            self.ended.store(true, Ordering::Release);
        }
        self.together.wait();
        let ended = self.ended.load(Ordering::Acquire);
        if ended {
            // What another core heard first is not to be heard here as a second signal.
            heard();
        }
        ended
    }
}

/// Serves on this thread's driver until a signal, and returns what was done.
///
/// What goes wrong is told when it happens: other cores may go on for days.
pub async fn run_core(plan: &Plan, listener: std::net::TcpListener, core: usize) -> Summary {
    let site = Rc::new(Site {
        files: plan.files.clone(),
        patience: plan.patience,
        statistics: Rc::new(Statistics::default()),
        shelf: Rc::default(),
        drain: Drain::new(),
    });
    let served = serve(plan, &site, listener, core).await;
    if let Err(error) = &served {
        console::complain(&format!("core {core} serves no more: {error}"));
    }
    site.drain.advance(Stage::Ending);
    site.drain.emptied().await;
    Summary::of(&site.statistics, &Handle::current().metrics(), served.is_err())
}

/// Everything up to the end, save that some connections may be left.
async fn serve(
    plan: &Plan,
    site: &Rc<Site>,
    listener: std::net::TcpListener,
    core: usize,
) -> io::Result<()> {
    let mut signals = Signals::listen();
    // Also without signals of its own: the others wait for it.
    let ended = plan.start.meet(|| signals.as_mut().is_ok_and(Signals::have_come));
    let mut signals = signals?;
    let listener = TcpListener::from_std(listener)?.report_shortage(|error| {
        console::complain(&format!(
            "no room for more connections for now ({error}): they wait and are taken as others \
             end; raise the limit of open files (ulimit -n) for more at once"
        ));
    });
    let mut accepting = spawn_local(accept(listener, Rc::clone(site)));
    if core == 0 {
        console::say(&plan.greeting);
    }
    if ended {
        // The accepting begins, so that its last call is waited for.
        yield_now().await;
    } else {
        poll_fn(|cx| until_end(cx, &mut signals, &mut accepting)).await?;
    }
    site.drain.advance(Stage::Draining);
    finish(plan, &site.drain, &mut signals, core).await;
    Ok(())
}

/// Ready with the first signal, or with the error that ended the accepting.
fn until_end(
    cx: &mut Context<'_>,
    signals: &mut Signals,
    accepting: &mut JoinHandle<io::Result<()>>,
) -> Poll<io::Result<()>> {
    if let Poll::Ready(ended) = Pin::new(accepting).poll(cx) {
        return Poll::Ready(ended.unwrap_or_else(|error| Err(io::Error::other(error))));
    }
    signals.poll(cx)
}

/// Waits for the responses under way: until they are sent, the time is up, or another signal.
async fn finish(plan: &Plan, drain: &Drain, signals: &mut Signals, core: usize) {
    let mut emptied = pin!(drain.emptied());
    let mut patience = pin!(sleep(plan.drain));
    let mut grace = pin!(sleep(GRACE));
    let mut told = core != 0;
    poll_fn(|cx| {
        if emptied.as_mut().poll(cx).is_ready()
            || patience.as_mut().poll(cx).is_ready()
            || signals.poll(cx).is_ready()
        {
            return Poll::Ready(());
        }
        if !told && grace.as_mut().poll(cx).is_ready() {
            told = true;
            console::complain(&format!(
                "finishing what is under way, for at most {:?}; another Ctrl-C ends it at once",
                plan.drain
            ));
        }
        Poll::Pending
    })
    .await;
}

/// An end that takes no longer than this needs no explanation: longer than clients are given to
/// close connections that owe them nothing.
const GRACE: Duration = Duration::from_millis(3500);

/// What ends a server: Ctrl-C and the polite kill.
#[cfg(unix)]
const ENDING: [SignalKind; 2] = [SignalKind::interrupt(), SignalKind::terminate()];

/// What ends a server: Ctrl-C, Ctrl-Break, and the end of its console. After the latter, Windows
/// gives the server a few seconds.
#[cfg(windows)]
const ENDING: [SignalKind; 3] =
    [SignalKind::interrupt(), SignalKind::ctrl_break(), SignalKind::terminate()];

/// The signals that end a server.
struct Signals(Vec<Signal>);

impl Signals {
    fn listen() -> io::Result<Signals> {
        ENDING.into_iter().map(signal).collect::<io::Result<_>>().map(Signals)
    }

    /// Whether any has come since the last look.
    fn have_come(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let come = |signal: &mut Signal| matches!(signal.poll_recv(&mut cx), Poll::Ready(Ok(())));
        // Each is looked at: what was seen now is not to be seen again.
        self.0.iter_mut().map(come).fold(false, |one, another| one | another)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut polled = self.0.iter_mut().map(|signal| signal.poll_recv(cx));
        polled.find(Poll::is_ready).unwrap_or(Poll::Pending)
    }
}
