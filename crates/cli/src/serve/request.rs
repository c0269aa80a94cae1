//! From a request to its answer.
//!
//! What the head of a request alone decides is answered on the loop. Everything that touches the
//! file system happens in one job on the pool, from the look at the path to the first piece of the
//! file, so that a small file costs a single hop to another thread and back.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use hyper::header::{
    ACCEPT_RANGES, ALLOW, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, HOST, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, LOCATION, RANGE, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode, Version};

use super::beneath::{Directory, Errno, Found, Look, Root};
use super::body::{Content, read_piece};
use super::conditions::{Validators, Verdict};
use super::listing;
use super::path::{Refused, Target};
use super::range::Part;

/// An answer before it is bound to its connection.
pub type Answer = Response<Content>;

/// The methods that files have.
const METHODS: &str = "GET, HEAD";
/// The page that stands for its directory.
const INDEX: &[u8] = b"index.html";
/// A listing needs its own style and nothing else, whatever a name in it says.
const LISTING_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                              form-action 'none'; frame-ancestors 'none'";

/// What a request asks of the file system.
#[derive(Debug)]
pub struct Question {
    head: bool,
    target: Target,
    query: Option<String>,
    headers: HeaderMap,
}

/// The files that are served.
#[derive(Clone, Debug)]
pub struct Files {
    /// The directory.
    pub root: Arc<Root>,
    /// Whether hidden names are served too.
    pub hidden: bool,
}

impl Question {
    /// Reads the head of a request.
    ///
    /// # Errors
    ///
    /// The answer, if the head alone decides it.
    pub fn of<B>(request: Request<B>, hidden: bool) -> Result<Question, Box<Answer>> {
        let (head, _) = request.into_parts();
        if head.version == Version::HTTP_11 && head.headers.get_all(HOST).iter().count() != 1 {
            let reason = "an HTTP/1.1 request names one Host";
            return Err(Box::new(refusal(StatusCode::BAD_REQUEST, reason)));
        }
        if head.method != Method::GET && head.method != Method::HEAD {
            let mut answer =
                refusal(StatusCode::METHOD_NOT_ALLOWED, "files can be read with GET and HEAD");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
            return Err(Box::new(answer));
        }
        let is_head = head.method == Method::HEAD;
        let target = Target::parse(head.uri.path(), hidden)
            .map_err(|refused| Box::new(shorten(is_head, not_a_target(refused))))?;
        let query = head.uri.query().map(str::to_string);
        Ok(Question { head: is_head, target, query, headers: head.headers })
    }

    /// Answers it; blocks for as long as the file system does.
    pub fn answer(&self, files: &Files) -> Answer {
        let answer = self.look_up(files).unwrap_or_else(failure);
        shorten(self.head, answer)
    }

    fn look_up(&self, files: &Files) -> Result<Answer, Errno> {
        match files.root.find(&self.target.relative())? {
            Found::File(..) if self.target.has_slash() => Ok(not_found()),
            Found::File(file, look) => self.file(file, look, self.target.name().unwrap_or(b"")),
            Found::Directory(_) if !self.target.has_slash() => Ok(self.redirect()),
            Found::Directory(directory) => self.directory(files, directory),
            Found::Special => {
                Ok(refusal(StatusCode::FORBIDDEN, "only regular files and directories are served"))
            }
        }
    }

    fn directory(&self, files: &Files, directory: Directory) -> Result<Answer, Errno> {
        match files.root.find(&self.target.child(INDEX).relative()) {
            Ok(Found::File(file, look)) => return self.file(file, look, INDEX),
            Ok(_) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
        let page = listing::page(&files.root, directory, &self.target, files.hidden)?;
        let mut answer = Response::new(Content::Whole(page.into()));
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(LISTING_POLICY));
        Ok(answer)
    }

    /// A directory without its slash: relative links on its page would go wrong.
    fn redirect(&self) -> Answer {
        let mut url = self.target.directory_url();
        if let Some(query) = &self.query {
            url.push('?');
            url.push_str(query);
        }
        let Ok(location) = HeaderValue::try_from(url) else {
            return refusal(StatusCode::BAD_REQUEST, "the query cannot be repeated in a header");
        };
        let mut answer = refusal(StatusCode::MOVED_PERMANENTLY, "a directory ends with a slash");
        answer.headers_mut().insert(LOCATION, location);
        answer
    }

    fn file(&self, file: File, look: Look, name: &[u8]) -> Result<Answer, Errno> {
        let validators = Validators::new(look.size, look.modified, SystemTime::now());
        let part = match validators.weigh(&self.headers) {
            Verdict::Failed => {
                return Ok(refusal(StatusCode::PRECONDITION_FAILED, "the file is another one"));
            }
            Verdict::NotModified => {
                let mut answer = Response::new(Content::Empty);
                *answer.status_mut() = StatusCode::NOT_MODIFIED;
                describe(answer.headers_mut(), &validators);
                return Ok(answer);
            }
            Verdict::Proceed => self.part(look.size, &validators),
        };
        if part == Part::Unsatisfiable {
            let mut answer =
                refusal(StatusCode::RANGE_NOT_SATISFIABLE, "no byte of the file lies in the range");
            insert(answer.headers_mut(), CONTENT_RANGE, format!("bytes */{}", look.size));
            return Ok(answer);
        }
        let (first, length) = part.extent(look.size);
        let content = if self.head { Content::Empty } else { content(file, first, length)? };
        let mut answer = Response::new(content);
        let headers = answer.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        headers.insert(CONTENT_TYPE, content_type(name));
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        describe(headers, &validators);
        if let Part::Slice { first, last } = part {
            insert(headers, CONTENT_RANGE, format!("bytes {first}-{last}/{}", look.size));
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        Ok(answer)
    }

    /// The part that is asked for. Ranges mean something for GET only, and one field of them.
    fn part(&self, size: u64, validators: &Validators) -> Part {
        let mut fields = self.headers.get_all(RANGE).iter();
        match (fields.next(), fields.next()) {
            (Some(field), None) if !self.head && validators.allow_range(&self.headers) => {
                Part::of(field.as_bytes(), size)
            }
            _ => Part::Whole,
        }
    }
}

fn refusal(status: StatusCode, reason: &str) -> Answer {
    let text = format!("{status}: {reason}\n");
    let mut answer = Response::new(Content::Whole(text.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn not_a_target(refused: Refused) -> Answer {
    match refused {
        Refused::Malformed => {
            refusal(StatusCode::BAD_REQUEST, "the path is not made of file names")
        }
        Refused::Outside => {
            refusal(StatusCode::FORBIDDEN, "the path leads out of the served directory")
        }
        Refused::Hidden => not_found(),
    }
}

fn not_found() -> Answer {
    refusal(StatusCode::NOT_FOUND, "there is no such file")
}

/// What the system's refusal means to a client.
fn failure(error: Errno) -> Answer {
    match error {
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => not_found(),
        Errno::ACCESS | Errno::PERM => {
            refusal(StatusCode::FORBIDDEN, "the server may not read this file")
        }
        Errno::XDEV | Errno::LOOP => {
            refusal(StatusCode::FORBIDDEN, "the path leads out of the served directory")
        }
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => {
            let reason = "the server is out of descriptors or memory for now";
            let mut answer = refusal(StatusCode::SERVICE_UNAVAILABLE, reason);
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            answer
        }
        error => {
            let reason = format!("the file cannot be read: {error}");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, &reason)
        }
    }
}

/// The answer to HEAD: what GET would get, without the content.
fn shorten(head: bool, mut answer: Answer) -> Answer {
    if let (true, Content::Whole(bytes)) = (head, answer.body()) {
        let length = HeaderValue::from(bytes.len());
        answer.headers_mut().insert(CONTENT_LENGTH, length);
        *answer.body_mut() = Content::Empty;
    }
    answer
}

/// The first piece of a part, and the file for what follows.
fn content(file: File, offset: u64, length: u64) -> Result<Content, Errno> {
    let system = |error: io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    let first = read_piece(&file, offset, length).map_err(system)?;
    let sent = first.len() as u64;
    Ok(match length - sent {
        0 => Content::Whole(first),
        rest => Content::Stream { first, file, offset: offset + sent, rest },
    })
}

/// What a client recognises the file by.
fn describe(headers: &mut HeaderMap, validators: &Validators) {
    insert(headers, ETAG, validators.tag.clone());
    if let Some(modified) = validators.modified {
        insert(headers, LAST_MODIFIED, httpdate::fmt_http_date(modified));
    }
}

/// A value that we made ourselves of letters, digits and signs.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// The type for the ending of a name. Text is taken to be UTF-8, as nearly all text is today.
fn content_type(name: &[u8]) -> HeaderValue {
    let name = String::from_utf8_lossy(name);
    let kind = mime_guess::from_path(name.as_ref()).first_or_octet_stream();
    let value = if kind.type_() == "text" {
        format!("{}; charset=utf-8", kind.essence_str())
    } else {
        kind.essence_str().to_string()
    };
    HeaderValue::try_from(value)
        .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"))
}
