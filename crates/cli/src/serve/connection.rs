//! One connection, from its first byte to its end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use blocking::unblock;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::rt::Write;
use hyper::server::conn::http1::{Builder, Connection};
use hyper::service::Service;
use hyper::{Request, Response};
use mainspring::net::TcpStream;

use super::alarm::Alarm;
use super::body::Body;
use super::drain::{Drain, Member, Stage};
use super::flight::Flight;
use super::request::{Files, Question};
use super::shelf::Shelf;
use super::socket::Socket;
use super::statistics::Statistics;
use super::watch::{Late, Patience, Watch};

/// Bytes that hyper keeps of a connection: the longest head of a request, and what of a response
/// waits for the socket.
const BUFFER_MAX: usize = 64 * 1024;
/// The whole answer to a client that began a request and did not end it.
const TOO_LATE: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What the connections of a core share.
#[derive(Debug)]
pub struct Site {
    /// The files.
    pub files: Files,
    /// The patience with clients.
    pub patience: Patience,
    /// The counts.
    pub statistics: Rc<Statistics>,
    /// The buffers that files are read into.
    pub shelf: Rc<Shelf>,
    /// How far the end has come.
    pub drain: Rc<Drain>,
}

impl Site {
    /// The patience at this stage.
    fn patience(&self) -> Patience {
        match self.drain.stage() {
            Stage::Serving => self.patience,
            Stage::Draining | Stage::Ending => self.patience.at_the_end(),
        }
    }
}

/// Answers the requests of one connection.
struct Requests {
    site: Rc<Site>,
    watch: Rc<Watch>,
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>>>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let site = Rc::clone(&self.site);
        let flight = Flight::begin(&self.watch);
        Statistics::count(&site.statistics.requests);
        Box::pin(async move {
            let answer = match Question::of(request, site.files.hidden) {
                Ok(question) => {
                    let files = site.files.clone();
                    unblock(move || question.answer(&files)).await
                }
                Err(answer) => *answer,
            };
            let mut response = answer.map(|content| Body::new(content, flight, &site.shelf));
            if site.drain.stage() != Stage::Serving {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response)
        })
    }
}

/// How a connection came to its end.
enum End {
    /// By its client, or by HTTP.
    Closed(hyper::Result<()>),
    /// It owed nothing, and the server stops.
    Drained,
    /// Its client was too slow.
    Late(Late),
    /// The server stops at once.
    Cut,
}

/// Serves a connection until its end.
pub async fn serve(stream: TcpStream, site: Rc<Site>, member: Member) {
    // Without it the last bytes of a response would wait for the client's acknowledgement. A
    // connection that refuses it is broken already, and its first read will say so.
    let _ = stream.set_nodelay(true);
    let watch = Rc::new(Watch::new(Instant::now()));
    let socket = Socket::new(stream, Rc::clone(&watch), Rc::clone(&site.statistics));
    let requests = Requests { site: Rc::clone(&site), watch: Rc::clone(&watch) };
    let connection = Builder::new()
        // A client that has asked for all it wants may shut its side and still be answered.
        .half_close(true)
        .max_buf_size(BUFFER_MAX)
        // The watch knows better what is being waited for.
        .header_read_timeout(None)
        .serve_connection(socket, requests);
    Served { connection, watch, member, alarm: Alarm::default(), site }.run().await;
}

/// A connection and what decides on its end.
struct Served {
    connection: Connection<Socket, Requests>,
    watch: Rc<Watch>,
    member: Member,
    alarm: Alarm,
    site: Rc<Site>,
}

impl Served {
    async fn run(mut self) {
        let end = poll_fn(|cx| self.poll_end(cx)).await;
        self.count(&end);
        let Served { connection, watch, member, alarm, site } = self;
        let socket = connection.into_parts().io;
        let closing = Closing { socket, watch, member, alarm, site };
        match end {
            End::Closed(_) | End::Late(Late::Close) | End::Cut => {}
            End::Drained | End::Late(Late::Idle) => closing.close().await,
            End::Late(Late::Head) => closing.say_too_late().await,
            // Nobody takes what the kernel still holds for this client: let it go at once.
            End::Late(Late::Write) => drop(closing.socket.stream().set_zero_linger()),
        }
    }

    fn count(&self, end: &End) {
        let statistics = &self.site.statistics;
        let cut = self.watch.is_cut_off();
        match end {
            End::Closed(Ok(())) => return,
            End::Closed(Err(error)) if cut || error.is_parse() || error.is_incomplete_message() => {
                Statistics::count(&statistics.errors);
            }
            End::Late(Late::Head | Late::Write) => Statistics::count(&statistics.timeouts),
            _ => {}
        }
        if cut {
            Statistics::count(&statistics.cut_off);
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if let Poll::Ready(done) = Pin::new(&mut self.connection).poll(cx) {
            return Poll::Ready(End::Closed(done));
        }
        // After the look at the socket: a request that was there already is still answered.
        match self.member.stage(cx) {
            Stage::Serving => {}
            Stage::Draining if !self.watch.owes_nothing() || self.watch.is_closing() => {}
            Stage::Draining => return Poll::Ready(End::Drained),
            Stage::Ending => return Poll::Ready(End::Cut),
        }
        match self.watch.deadline(&self.site.patience()) {
            Some((deadline, late)) => self.alarm.poll(cx, deadline).map(|()| End::Late(late)),
            None => Poll::Pending,
        }
    }
}

/// A socket without requests, on its way to be closed.
struct Closing {
    socket: Socket,
    watch: Rc<Watch>,
    member: Member,
    alarm: Alarm,
    site: Rc<Site>,
}

impl Closing {
    async fn say_too_late(mut self) {
        poll_fn(|cx| {
            // As much as the socket takes now; a client this slow is owed no more.
            let _ = Pin::new(&mut self.socket).poll_write(cx, TOO_LATE);
            Poll::Ready(())
        })
        .await;
        self.close().await;
    }

    async fn close(mut self) {
        poll_fn(|cx| {
            if Pin::new(&mut self.socket).poll_shutdown(cx).is_ready() {
                return Poll::Ready(());
            }
            if self.member.stage(cx) == Stage::Ending {
                return Poll::Ready(());
            }
            match self.watch.deadline(&self.site.patience()) {
                Some((deadline, _)) => self.alarm.poll(cx, deadline),
                None => Poll::Pending,
            }
        })
        .await;
    }
}
