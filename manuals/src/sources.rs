//! The sections and keys of a configuration file, as the sources that read it define them: what is said of a key in its manual
//! page is what stands above its field.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use syn::{Attribute, Expr, Fields, GenericArgument, Item, ItemStruct, Lit, Meta, PathArguments, Type};

/// A section of a file.
pub(crate) struct Section {
    /// As it is written: `[server]` or `[[action]]`.
    pub(crate) heading: String,
    /// What it is about.
    pub(crate) about: String,
    /// Its keys, in the order of the sources.
    pub(crate) keys: Vec<Key>,
}

/// A key.
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) about: String,
}

/// The structures of some source files.
pub(crate) struct Sources {
    structures: BTreeMap<String, ItemStruct>,
    /// For an enum whose first variant holds a structure: that structure's type.
    choices: BTreeMap<String, Type>,
}

impl Sources {
    /// Reads the text of source files.
    pub(crate) fn read(files: &[&str]) -> Result<Self> {
        let mut sources = Sources {
            structures: BTreeMap::new(),
            choices: BTreeMap::new(),
        };
        for text in files {
            let file = syn::parse_file(text).context("a source file that defines settings")?;
            file.items.into_iter().for_each(|item| sources.take(item));
        }
        Ok(sources)
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Struct(found) => {
                self.structures.insert(found.ident.to_string(), found);
            }
            Item::Enum(found) => {
                let first = found.variants.into_iter().next();
                if let Some(field) = first.and_then(|variant| variant.fields.into_iter().next()) {
                    self.choices.insert(found.ident.to_string(), field.ty);
                }
            }
            _ => {}
        }
    }

    /// The sections of a file that is read into the structure `root`.
    pub(crate) fn sections(&self, root: &str) -> Result<Vec<Section>> {
        let root = self
            .structures
            .get(root)
            .with_context(|| format!("no structure {root}"))?;
        let mut sections = Vec::new();
        self.of_structure(root, &mut sections)?;
        Ok(sections)
    }

    /// The sections that fields of a structure are; gives its other fields, which are keys.
    fn of_structure(&self, structure: &ItemStruct, sections: &mut Vec<Section>) -> Result<Vec<Key>> {
        let Fields::Named(fields) = &structure.fields else {
            bail!("{} has no named fields", structure.ident);
        };
        let mut keys = Vec::new();
        for field in &fields.named {
            let name = field
                .ident
                .as_ref()
                .context("a field without a name")?
                .to_string();
            let about = documentation(&field.attrs);
            match self.structure_of(&field.ty) {
                Some(inner) => self.section(&about, inner, sections)?,
                None => keys.push(Key {
                    about: without_name(&about, &name),
                    name,
                }),
            }
        }
        Ok(keys)
    }

    /// A section, and below it those within it.
    fn section(&self, about: &str, inner: &ItemStruct, sections: &mut Vec<Section>) -> Result<()> {
        let (heading, about) = heading(about).with_context(|| {
            format!(
                "the documentation of {} does not begin with its heading",
                inner.ident
            )
        })?;
        let mut below = Vec::new();
        let keys = self.of_structure(inner, &mut below)?;
        if !keys.is_empty() {
            sections.push(Section { heading, about, keys });
        }
        sections.append(&mut below);
        Ok(())
    }

    /// The structure that a type is, optional, boxed, or a list of.
    fn structure_of(&self, of: &Type) -> Option<&ItemStruct> {
        let Type::Path(path) = of else {
            return None;
        };
        let last = path.path.segments.last()?;
        let name = last.ident.to_string();
        if let Some(found) = self.structures.get(&name) {
            // One that wraps a value is a value.
            return matches!(found.fields, Fields::Named(_)).then_some(found);
        }
        if let Some(choice) = self.choices.get(&name) {
            return self.structure_of(choice);
        }
        let PathArguments::AngleBracketed(arguments) = &last.arguments else {
            return None;
        };
        match arguments.args.first()? {
            GenericArgument::Type(inner) => self.structure_of(inner),
            _ => None,
        }
    }
}

/// What stands above something, in one line.
fn documentation(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        match &pair.value {
            Expr::Lit(literal) if pair.path.is_ident("doc") => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        }
    });
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// `[section]`, and what is said of it.
fn heading(about: &str) -> Option<(String, String)> {
    let (heading, rest) = about.strip_prefix('`')?.split_once('`')?;
    let rest = rest.trim_start_matches([':', ',', '.', ' ']);
    heading
        .starts_with('[')
        .then(|| (heading.to_owned(), rest.to_owned()))
}

/// Some documentation begins with the name, which stands in front of it anyway.
fn without_name(about: &str, name: &str) -> String {
    let named = about.strip_prefix(&format!("`{name}`"));
    named
        .map_or(about, |rest| rest.trim_start_matches([',', ':', ' ']))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_keys_are_as_the_sources_say() {
        let source = r#"
            struct Root {
                /// `[one]`: the first.
                one: One,
                /// `[[many]]`, once for each.
                many: Vec<Many>,
            }
            struct One {
                /// `size`, default 7: how
                /// large it is.
                size: u32,
                /// Anything.
                name: Option<Wrapped>,
            }
            struct Wrapped(String);
            struct Many {
                /// `[[many.inner]]`.
                inner: Box<Inner>,
            }
            struct Inner {
                /// Deep.
                depth: u8,
            }
        "#;
        let sections = Sources::read(&[source]).unwrap().sections("Root").unwrap();
        let shown: Vec<_> = sections
            .iter()
            .map(|section| {
                let keys = section
                    .keys
                    .iter()
                    .map(|key| format!("{}={}", key.name, key.about));
                format!(
                    "{} ({}) {}",
                    section.heading,
                    section.about,
                    keys.collect::<Vec<_>>().join("|")
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "[one] (the first.) size=default 7: how large it is.|name=Anything.",
                "[[many.inner]] () depth=Deep."
            ]
        );
        assert!(Sources::read(&["struct {"]).is_err());
        assert!(Sources::read(&[source]).unwrap().sections("Other").is_err());
    }
}
