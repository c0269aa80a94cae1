//! Names that say nothing: they name a place to put things, not a thing.

use proc_macro2::Span;
use syn::visit::Visit;

use super::Report;
use super::tree::Tree;

const BANNED: &[&str] =
    &["util", "utils", "common", "commons", "helper", "helpers", "inner", "manager"];
/// The standard library's own names for what a wrapper holds (`BufReader::get_ref`).
const OF_WRAPPERS: &[&str] = &["get_ref", "get_mut", "into_inner"];

pub fn check(tree: &Tree, report: &mut Report<'_>) {
    for file in tree.files.iter().filter(|file| file.path.ends_with(".rs")) {
        let stem = file.path.strip_suffix(".rs").unwrap_or(&file.path);
        for part in stem.split('/') {
            if let Some(word) = banned_word(part) {
                report.add(&file.path, 1, remedy("file or folder", part, word));
            }
        }
        let Some(syntax) = &file.syntax else { continue };
        let mut names = Names { found: Vec::new() };
        names.visit_file(&syntax.tree);
        for (span, message) in names.found {
            report.add(&file.path, span.start().line, message);
        }
    }
}

fn remedy(what: &str, name: &str, word: &str) -> String {
    format!("{what} `{name}`: `{word}` says nothing; name it after what it holds or does")
}

/// The banned word that a name is made with, whatever its case.
fn banned_word(name: &str) -> Option<&'static str> {
    words(name).into_iter().find_map(|word| BANNED.iter().find(|b| **b == word).copied())
}

/// `HandleInner` and `handle_inner` are both `handle`, `inner`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        let starts = c.is_uppercase() && words.last().is_some_and(|w| !w.is_empty());
        if starts || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
    }
    words
}

struct Names {
    found: Vec<(Span, String)>,
}

impl Names {
    fn item(&mut self, what: &str, ident: &syn::Ident) {
        let name = ident.to_string();
        if let Some(word) = banned_word(&name) {
            self.found.push((ident.span(), remedy(what, &name, word)));
        }
    }

    fn function(&mut self, ident: &syn::Ident) {
        let name = ident.to_string();
        if OF_WRAPPERS.contains(&name.as_str()) {
            return;
        }
        self.item("function", ident);
        if let Some(rest) = name.strip_prefix("get_") {
            let message = format!("function `{name}`: a getter bears the thing's name, `{rest}`");
            self.found.push((ident.span(), message));
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        match item {
            syn::Item::Mod(item) => self.item("module", &item.ident),
            syn::Item::Struct(item) => self.item("type", &item.ident),
            syn::Item::Enum(item) => self.item("type", &item.ident),
            syn::Item::Union(item) => self.item("type", &item.ident),
            syn::Item::Type(item) => self.item("type", &item.ident),
            syn::Item::Trait(item) => self.item("trait", &item.ident),
            syn::Item::Fn(item) => self.function(&item.sig.ident),
            _ => {}
        }
        syn::visit::visit_item(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        for member in &item.items {
            // In the impl of a trait the names are the trait's.
            if let (None, syn::ImplItem::Fn(function)) = (&item.trait_, member) {
                self.function(&function.sig.ident);
            }
        }
        syn::visit::visit_item_impl(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.function(&item.sig.ident);
        syn::visit::visit_trait_item_fn(self, item);
    }
}
