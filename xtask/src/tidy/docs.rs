//! Every `pub` item of the library has a doc comment, whether or not a user can reach it: the
//! next reader of the room can.

use proc_macro2::Span;
use syn::visit::Visit;
use syn::{Attribute, Visibility};

use super::Report;
use super::tree::{File, Tree};

pub fn check(tree: &Tree, report: &mut Report<'_>) {
    for (file, module) in tree.library() {
        let Some(syntax) = &file.syntax else { continue };
        let documented = |name: &str| {
            let child =
                if module.is_empty() { name.to_string() } else { format!("{module}/{name}") };
            tree.library().any(|(file, module)| module == child && opens_with_docs(file))
        };
        let mut items = Items { documented: &documented, found: Vec::new() };
        items.visit_file(&syntax.tree);
        for (span, what, name) in items.found {
            let line = span.start().line;
            if !file.in_test(line) {
                let message =
                    format!("public {what} `{name}` has no doc comment: say what it is for");
                report.add(&file.path, line, message);
            }
        }
    }
}

fn opens_with_docs(file: &File) -> bool {
    file.syntax.as_ref().is_some_and(|syntax| has_docs(&syntax.tree.attrs))
}

fn has_docs(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|a| a.path().is_ident("doc") && matches!(a.meta, syn::Meta::NameValue(_)))
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

struct Items<'a> {
    /// Whether the file of a child module opens with `//!`.
    documented: &'a dyn Fn(&str) -> bool,
    found: Vec<(Span, &'static str, String)>,
}

impl Items<'_> {
    fn need(&mut self, attributes: &[Attribute], what: &'static str, ident: &syn::Ident) {
        if !has_docs(attributes) {
            self.found.push((ident.span(), what, ident.to_string()));
        }
    }

    fn item(&mut self, item: &syn::Item) {
        let (visibility, attributes, what, ident) = match item {
            syn::Item::Const(i) => (&i.vis, &i.attrs, "constant", &i.ident),
            syn::Item::Enum(i) => (&i.vis, &i.attrs, "enum", &i.ident),
            syn::Item::Fn(i) => (&i.vis, &i.attrs, "function", &i.sig.ident),
            syn::Item::Static(i) => (&i.vis, &i.attrs, "static", &i.ident),
            syn::Item::Struct(i) => (&i.vis, &i.attrs, "struct", &i.ident),
            syn::Item::Trait(i) => (&i.vis, &i.attrs, "trait", &i.ident),
            syn::Item::Type(i) => (&i.vis, &i.attrs, "type", &i.ident),
            syn::Item::Union(i) => (&i.vis, &i.attrs, "union", &i.ident),
            syn::Item::Mod(i) => {
                let elsewhere = i.content.is_none() && (self.documented)(&i.ident.to_string());
                if !elsewhere && is_public(&i.vis) {
                    self.need(&i.attrs, "module", &i.ident);
                }
                return;
            }
            syn::Item::Macro(i) => {
                let exported = i.attrs.iter().any(|a| a.path().is_ident("macro_export"));
                if let (true, Some(ident)) = (exported, &i.ident) {
                    self.need(&i.attrs, "macro", ident);
                }
                return;
            }
            _ => return,
        };
        if is_public(visibility) {
            self.need(attributes, what, ident);
            self.members(item);
        }
    }

    /// What is public with its item: variants and the items of a trait.
    fn members(&mut self, item: &syn::Item) {
        match item {
            syn::Item::Enum(item) => {
                for variant in &item.variants {
                    self.need(&variant.attrs, "variant", &variant.ident);
                }
            }
            syn::Item::Trait(item) => {
                for member in &item.items {
                    match member {
                        syn::TraitItem::Fn(m) => self.need(&m.attrs, "method", &m.sig.ident),
                        syn::TraitItem::Const(m) => self.need(&m.attrs, "constant", &m.ident),
                        syn::TraitItem::Type(m) => self.need(&m.attrs, "type", &m.ident),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Items<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        self.item(item);
        syn::visit::visit_item(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        for member in &item.items {
            match member {
                syn::ImplItem::Fn(m) if is_public(&m.vis) => {
                    self.need(&m.attrs, "method", &m.sig.ident);
                }
                syn::ImplItem::Const(m) if is_public(&m.vis) => {
                    self.need(&m.attrs, "constant", &m.ident);
                }
                _ => {}
            }
        }
        syn::visit::visit_item_impl(self, item);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        // A field without a name is told by its type's own documentation.
        if let (true, Some(ident)) = (is_public(&field.vis), &field.ident) {
            self.need(&field.attrs, "field", ident);
        }
    }
}
