//! Which modules of its own crate a file names.

use super::syntax::{Kind, Syntax};

/// A path from the root of the crate, and the line that names it.
#[derive(Debug, PartialEq, Eq)]
pub struct Mention {
    pub segments: Vec<String>,
    pub line: usize,
}

/// Every path that starts with `crate`, `self` or `super`, in imports, code and macro calls,
/// written out from the root. Groups are taken apart: `crate::{a, b::c}` is two mentions.
pub fn mentions(syntax: &Syntax, module: &str) -> Vec<Mention> {
    let mut reader = Reader { syntax, scope: split(module), found: Vec::new() };
    reader.read(0, syntax.tokens.len());
    reader.found
}

fn split(module: &str) -> Vec<String> {
    module.split('/').filter(|name| !name.is_empty()).map(str::to_string).collect()
}

struct Reader<'a> {
    syntax: &'a Syntax,
    /// The module at hand, inline modules included: `super` starts from here.
    scope: Vec<String>,
    found: Vec<Mention>,
}

impl Reader<'_> {
    fn read(&mut self, mut at: usize, end: usize) {
        while at < end {
            if let Some((name, open)) = self.inline_module(at) {
                self.scope.push(name);
                let close = self.syntax.tokens[open].partner;
                self.read(open + 1, close);
                self.scope.pop();
                at = close + 1;
            } else if let Some(next) = self.path(at) {
                at = next;
            } else {
                at += 1;
            }
        }
    }

    /// `mod name {`: the name and the index of the brace.
    fn inline_module(&self, at: usize) -> Option<(String, usize)> {
        let name = self.syntax.word(at + 1)?;
        let is_module = self.syntax.word(at) == Some("mod");
        let open = is_module && self.syntax.is(at + 2, &Kind::Open('{'));
        open.then(|| (name.to_string(), at + 2))
    }

    /// Reads a path that starts at `at`; returns the index behind it.
    fn path(&mut self, at: usize) -> Option<usize> {
        let first = self.syntax.word(at)?;
        let head = matches!(first, "crate" | "self" | "super");
        let middle = at > 0 && self.syntax.is(at - 1, &Kind::PathSep);
        // `pub(in crate::a)` asks for nothing of `a`; `for x in crate::a::all()` does.
        let visibility = at > 1
            && self.syntax.word(at - 1) == Some("in")
            && self.syntax.is(at - 2, &Kind::Open('('));
        if !head || middle || visibility || !self.syntax.is(at + 1, &Kind::PathSep) {
            return None;
        }
        let mut base = self.scope.clone();
        match first {
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            _ => {}
        }
        Some(self.tail(at + 2, base))
    }

    /// Reads what follows `::`, with `base` in front of it.
    fn tail(&mut self, mut at: usize, mut base: Vec<String>) -> usize {
        loop {
            let line = self.syntax.tokens.get(at).map_or(0, |token| token.line);
            if self.syntax.is(at, &Kind::Open('{')) {
                let close = self.syntax.tokens[at].partner;
                self.group(at + 1, close, &base);
                return close + 1;
            }
            match self.syntax.word(at) {
                Some("super") => drop(base.pop()),
                Some("self") | None => {}
                Some(word) => base.push(word.to_string()),
            }
            let named = self.syntax.word(at).is_some() || self.syntax.is(at, &Kind::Punct('*'));
            if named && self.syntax.is(at + 1, &Kind::PathSep) {
                at += 2;
                continue;
            }
            self.found.push(Mention { segments: base, line });
            // `Vec::<crate::A>`: what is no name is read again by the caller.
            return if named { at + 1 } else { at };
        }
    }

    fn group(&mut self, mut at: usize, close: usize, base: &[String]) {
        while at < close {
            let next = self.tail(at, base.to_vec());
            // To the next comma: over `as name`.
            at = next.max(at + 1);
            while at < close && !self.syntax.is(at, &Kind::Punct(',')) {
                at += 1;
            }
            at += 1;
        }
    }
}
