//! A Rust file as tidy sees it: a flat list of tokens, and the tree that syn makes of them.
//!
//! Rules about *words* (paths, macros, attributes, functions) read the tokens, because these also
//! show what stands inside a macro call. Rules about *items* (documentation, names) read the tree.

use proc_macro2::{Delimiter, LineColumn, Spacing, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::Visit;

/// What a token is.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    Word(String),
    /// `::`
    PathSep,
    Punct(char),
    Literal,
    Open(char),
    Close(char),
}

/// A token and where it stands.
#[derive(Debug)]
pub struct Token {
    pub kind: Kind,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 0, in characters.
    pub column: usize,
    /// For an opening bracket the index of the closing one and the reverse; else its own index.
    pub partner: usize,
}

/// Tokens and tree of one file.
pub struct Syntax {
    pub tokens: Vec<Token>,
    pub tree: syn::File,
    /// Modules in files of their own that are declared for tests only.
    pub test_modules: Vec<String>,
    test_lines: Vec<(usize, usize)>,
}

impl Syntax {
    /// Reads a file; the error is the line and the parser's words.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let refused = |error: syn::Error| (error.span().start().line.max(1), error.to_string());
        let text = without_shebang(text);
        let tree = syn::parse_file(text).map_err(refused)?;
        let stream: TokenStream = text.parse().map_err(|error| refused(syn::Error::from(error)))?;
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        let mut tests = TestCode::default();
        tests.visit_file(&tree);
        Ok(Self { tokens, tree, test_modules: tests.modules, test_lines: tests.lines })
    }

    /// Whether a line lies in an item that only tests compile.
    pub fn in_test(&self, line: usize) -> bool {
        self.test_lines.iter().any(|&(first, last)| (first..=last).contains(&line))
    }

    /// The word at an index.
    pub fn word(&self, at: usize) -> Option<&str> {
        match self.tokens.get(at).map(|token| &token.kind) {
            Some(Kind::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// Whether the token at an index is of this kind.
    pub fn is(&self, at: usize, kind: &Kind) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == *kind)
    }

    /// Whether the token at an index is the first in `#[…]` or `#![…]`.
    pub fn starts_attribute(&self, at: usize) -> bool {
        let before = |back: usize, kind: Kind| at >= back && self.is(at - back, &kind);
        let outer = before(2, Kind::Punct('#'));
        let inner = before(2, Kind::Punct('!')) && before(3, Kind::Punct('#'));
        before(1, Kind::Open('[')) && (outer || inner)
    }
}

/// `#!/usr/bin/…` is not a token; `#![…]` is.
fn without_shebang(text: &str) -> &str {
    let script = text.starts_with("#!") && !text.starts_with("#![");
    if script { text.find('\n').map_or("", |end| &text[end..]) } else { text }
}

fn flatten(stream: TokenStream, out: &mut Vec<Token>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let LineColumn { line, column } = tree.span().start();
        let at = out.len();
        let kind = match tree {
            TokenTree::Group(group) => {
                flatten_group(&group, out);
                continue;
            }
            TokenTree::Ident(word) => Kind::Word(word.to_string()),
            TokenTree::Literal(_) => Kind::Literal,
            TokenTree::Punct(punct) if punct.as_char() == ':' => {
                let joint = punct.spacing() == Spacing::Joint;
                let next = trees.peek();
                if joint && matches!(next, Some(TokenTree::Punct(p)) if p.as_char() == ':') {
                    trees.next();
                    Kind::PathSep
                } else {
                    Kind::Punct(':')
                }
            }
            TokenTree::Punct(punct) => Kind::Punct(punct.as_char()),
        };
        out.push(Token { kind, line, column, partner: at });
    }
}

fn flatten_group(group: &proc_macro2::Group, out: &mut Vec<Token>) {
    let brackets = match group.delimiter() {
        Delimiter::Parenthesis => Some(('(', ')')),
        Delimiter::Brace => Some(('{', '}')),
        Delimiter::Bracket => Some(('[', ']')),
        Delimiter::None => None,
    };
    let Some((open, close)) = brackets else {
        return flatten(group.stream(), out);
    };
    let first = out.len();
    let LineColumn { line, column } = group.span_open().start();
    out.push(Token { kind: Kind::Open(open), line, column, partner: first });
    flatten(group.stream(), out);
    let last = out.len();
    let LineColumn { line, column } = group.span_close().start();
    out.push(Token { kind: Kind::Close(close), line, column, partner: first });
    out[first].partner = last;
}

/// Finds what only tests compile.
#[derive(Default)]
struct TestCode {
    lines: Vec<(usize, usize)>,
    modules: Vec<String>,
}

impl TestCode {
    fn note(&mut self, attributes: &[syn::Attribute], spanned: &dyn Spanned) {
        if attributes.iter().any(is_for_tests) {
            let span = spanned.span();
            self.lines.push((span.start().line, span.end().line));
        }
    }
}

impl<'ast> Visit<'ast> for TestCode {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        self.note(attributes_of(item), item);
        if let syn::Item::Mod(module) = item {
            if module.content.is_none() && module.attrs.iter().any(is_for_tests) {
                self.modules.push(module.ident.to_string());
            }
        }
        syn::visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.note(&item.attrs, item);
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        self.note(&field.attrs, field);
    }
}

fn attributes_of(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// `#[test]`, `#[cfg(test)]` and `#[cfg(all(test, …))]`.
fn is_for_tests(attribute: &syn::Attribute) -> bool {
    if attribute.path().is_ident("test") {
        return true;
    }
    let syn::Meta::List(list) = &attribute.meta else { return false };
    if !list.path.is_ident("cfg") {
        return false;
    }
    let words: String = list.tokens.to_string().split_whitespace().collect();
    words == "test" || words.starts_with("all(test,")
}
