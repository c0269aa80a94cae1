//! Every `unsafe` says why it holds: blocks and impls under `// SAFETY:`, functions and traits in
//! a `# Safety` section.

use syn::spanned::Spanned;
use syn::visit::Visit;

use super::Report;
use super::syntax::{Kind, Syntax};
use super::tree::Tree;

pub fn check(tree: &Tree, report: &mut Report<'_>) {
    for (file, syntax) in tree.rust() {
        let lines: Vec<&str> = file.text.lines().collect();
        let mut items = Items::default();
        items.visit_file(&syntax.tree);
        for (at, token) in syntax.tokens.iter().enumerate() {
            let Some(what) = needs_comment(syntax, at) else { continue };
            let start = items.start_around((token.line, token.column));
            if !has_comment(&lines, token.line) && !has_comment(&lines, start) {
                report.add(
                    &file.path,
                    token.line,
                    format!(
                        "`unsafe {what}` without `// SAFETY:` right above: say which invariant \
                         makes it sound and who keeps it"
                    ),
                );
            }
        }
        for (line, what, name) in items.undocumented {
            report.add(
                &file.path,
                line,
                format!(
                    "`unsafe {what} {name}` without a `# Safety` section: tell the caller's part"
                ),
            );
        }
    }
}

/// An unsafe block, impl, extern block or attribute starts at this token.
fn needs_comment(syntax: &Syntax, at: usize) -> Option<&'static str> {
    if syntax.word(at)? != "unsafe" {
        return None;
    }
    match &syntax.tokens.get(at + 1)?.kind {
        Kind::Open('{') => Some("block"),
        Kind::Open('(') => Some("attribute"),
        Kind::Word(word) if word == "impl" => Some("impl"),
        Kind::Word(word) if word == "extern" => {
            let body = if syntax.is(at + 2, &Kind::Literal) { at + 3 } else { at + 2 };
            syntax.is(body, &Kind::Open('{')).then_some("extern block")
        }
        _ => None,
    }
}

/// Whether the comment that ends above this line (counted from 1) has the mark.
fn has_comment(lines: &[&str], line: usize) -> bool {
    let above = lines[..line.saturating_sub(1).min(lines.len())].iter().rev();
    above
        .map(|line| line.trim_start())
        .take_while(|line| line.starts_with("//") || line.starts_with("#["))
        .any(|line| line.starts_with("// SAFETY:"))
}

/// Line and column.
type Position = (usize, usize);

/// Statements and items, and the unsafe functions and traits that do not tell their conditions.
#[derive(Default)]
struct Items {
    spans: Vec<(Position, Position)>,
    undocumented: Vec<(usize, &'static str, String)>,
    in_trait_impl: bool,
}

impl Items {
    fn span(&mut self, spanned: &dyn Spanned) {
        let (start, end) = (spanned.span().start(), spanned.span().end());
        self.spans.push(((start.line, start.column), (end.line, end.column)));
    }

    /// The first line of the smallest statement or item around a place.
    fn start_around(&self, place: Position) -> usize {
        let around = self.spans.iter().filter(|(first, last)| (*first..*last).contains(&place));
        around.map(|(first, _)| *first).max().map_or(place.0, |(line, _)| line)
    }

    fn signature(&mut self, attributes: &[syn::Attribute], signature: &syn::Signature) {
        if signature.unsafety.is_some() && !self.in_trait_impl && !tells_safety(attributes) {
            let line = signature.span().start().line;
            self.undocumented.push((line, "fn", signature.ident.to_string()));
        }
    }
}

impl<'ast> Visit<'ast> for Items {
    fn visit_stmt(&mut self, stmt: &'ast syn::Stmt) {
        self.span(stmt);
        syn::visit::visit_stmt(self, stmt);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        self.span(arm);
        syn::visit::visit_arm(self, arm);
    }

    fn visit_field_value(&mut self, value: &'ast syn::FieldValue) {
        self.span(value);
        syn::visit::visit_field_value(self, value);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.span(item);
        syn::visit::visit_item_const(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.span(item);
        syn::visit::visit_item_static(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let outer = std::mem::take(&mut self.in_trait_impl);
        self.signature(&item.attrs, &item.sig);
        syn::visit::visit_item_fn(self, item);
        self.in_trait_impl = outer;
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let outer = std::mem::replace(&mut self.in_trait_impl, item.trait_.is_some());
        syn::visit::visit_item_impl(self, item);
        self.in_trait_impl = outer;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.signature(&item.attrs, &item.sig);
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.signature(&item.attrs, &item.sig);
        syn::visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        if item.unsafety.is_some() && !tells_safety(&item.attrs) {
            let line = item.ident.span().start().line;
            self.undocumented.push((line, "trait", item.ident.to_string()));
        }
        syn::visit::visit_item_trait(self, item);
    }
}

fn tells_safety(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().filter_map(doc_line).any(|line| line.trim() == "# Safety")
}

/// The text of one line of a doc comment.
fn doc_line(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(meta) = &attribute.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &meta.value else {
        return None;
    };
    meta.path.is_ident("doc").then(|| text.value())
}
