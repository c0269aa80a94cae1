//! Taking connections, until the end begins.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use mainspring::net::{TcpListener, TcpStream};
use mainspring::rt::{spawn_local, yield_now};
use mainspring::time::sleep;

use super::connection::{Site, serve};
use super::drain::Stage;
use super::listen::BACKLOG;
use super::statistics::Statistics;

/// Connections taken in a row before those that are there get their turn.
const IN_A_ROW: usize = 64;
/// How long the driver is given to hear of the last connections before the door is closed.
const LAST_CALL: Duration = Duration::from_millis(1);

/// Takes connections and serves each, until the core drains; then also those that wait already,
/// because their requests may have been sent.
///
/// # Errors
///
/// What is wrong with the listener itself. A shortage of descriptors is no error: connections wait
/// in the kernel's queue until there is room.
pub async fn accept(listener: TcpListener, site: Rc<Site>) -> io::Result<()> {
    let member = site.drain.join();
    let mut in_a_row = 0;
    loop {
        let mut accept = pin!(listener.accept_steadily());
        let next = poll_fn(|cx| {
            if member.stage(cx) != Stage::Serving {
                return Poll::Ready(None);
            }
            accept.as_mut().poll(cx).map(Some)
        });
        let Some(accepted) = next.await else { break };
        begin(accepted?.0, &site);
        in_a_row += 1;
        if in_a_row % IN_A_ROW == 0 {
            yield_now().await;
        }
    }
    sleep(LAST_CALL).await;
    for _ in 0..BACKLOG {
        let Ok((stream, _)) = listener.try_accept() else { break };
        begin(stream, &site);
    }
    Ok(())
}

fn begin(stream: TcpStream, site: &Rc<Site>) {
    Statistics::count(&site.statistics.connections);
    let member = site.drain.join();
    drop(spawn_local(serve(stream, Rc::clone(site), member)));
}
