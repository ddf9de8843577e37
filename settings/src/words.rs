//! From serde's words for a fault to words for the person who wrote the file.
//!
//! serde hands a deserializer its faults as text only (`unknown field`, `missing field`, `invalid type`, ...), so they
//! are taken apart here; text in any other form is passed on as it is.

/// A fault in a person's words.
pub(crate) struct Fault {
    /// Dotted path of the key at fault.
    pub(crate) key: String,
    /// What is wrong, and what was expected or meant.
    pub(crate) message: String,
    /// The fault is that something is not there, so its place is that of the section.
    pub(crate) about_table: bool,
}

/// Least likeness (Jaro-Winkler) for a name to be offered as what was meant.
const LIKENESS: f64 = 0.75;

/// Words for serde's `text` about the value at `path`.
pub(crate) fn fault(text: &str, path: &str) -> Fault {
    if let Some((name, known)) = unknown(text, "unknown field `") {
        return unknown_key(name, &known, path);
    }
    if let Some((name, known)) = unknown(text, "unknown variant `") {
        let message = format!("`{path}` cannot be `{name}`{}", meant(name, &known));
        return Fault {
            key: path.to_owned(),
            message,
            about_table: false,
        };
    }
    if let Some(name) = text
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        let message = format!("missing key `{name}`{}", in_section(path));
        return Fault {
            key: join(path, name),
            message,
            about_table: true,
        };
    }
    let message = mismatch(text).unwrap_or_else(|| text.to_owned());
    let message = if path.is_empty() {
        message
    } else {
        format!("`{path}` {message}")
    };
    Fault {
        key: path.to_owned(),
        message,
        about_table: false,
    }
}

fn unknown_key(name: &str, known: &[&str], path: &str) -> Fault {
    // The path ends with the unknown key itself.
    let section = path
        .strip_suffix(name)
        .map_or(path, |rest| rest.trim_end_matches('.'));
    let message = format!(
        "unknown key `{name}`{}{}",
        in_section(section),
        meant(name, known)
    );
    Fault {
        key: join(section, name),
        message,
        about_table: false,
    }
}

/// Takes `unknown field `x`, expected one of `a`, `b`` apart into `x` and `[a, b]`.
fn unknown<'a>(text: &'a str, opening: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let rest = text.strip_prefix(opening)?;
    // From the right, because the name is whatever the file holds and the list is ours.
    let cut = rest
        .rfind("`, expected ")
        .or_else(|| rest.rfind("`, there are no "))?;
    let known = rest[cut + 1..].split('`').skip(1).step_by(2).collect();
    Some((&rest[..cut], known))
}

/// What was meant by a name that is not known, as the end of a sentence: `, did you mean …?`, or what is known.
pub fn meant(name: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|candidate| (likeness(name, candidate), candidate))
        .max_by(|left, right| left.0.total_cmp(&right.0));
    match nearest {
        Some((likeness, candidate)) if likeness >= LIKENESS => format!(", did you mean `{candidate}`?"),
        Some(_) => format!(", expected {}", list(known)),
        None => String::new(),
    }
}

fn likeness(name: &str, candidate: &str) -> f64 {
    strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase())
}

fn list(known: &[&str]) -> String {
    let quoted: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
        [] => String::new(),
    }
}

fn in_section(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!(" in [{path}]")
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// `invalid type: string "x", expected u16` becomes `must be a whole number from 0 to 65535, not a string`.
fn mismatch(text: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix("invalid type: ") {
        let (found, expected) = rest.rsplit_once(", expected ")?;
        return Some(format!("must be {}, not {}", described(expected), kind(found)));
    }
    let (found, expected) = text.strip_prefix("invalid value: ")?.rsplit_once(", expected ")?;
    Some(format!(
        "must be {}, not {}",
        described(expected),
        found.rsplit("integer ").next().unwrap_or(found)
    ))
}

fn described(expected: &str) -> String {
    let range = match expected {
        "u8" => (0, u128::from(u8::MAX)),
        "u16" => (0, u128::from(u16::MAX)),
        "u32" => (0, u128::from(u32::MAX)),
        "u64" | "usize" => (0, i64::MAX.unsigned_abs().into()),
        "a nonzero u16" => (1, u128::from(u16::MAX)),
        "a nonzero u32" => (1, u128::from(u32::MAX)),
        "a nonzero u64" | "a nonzero usize" => (1, i64::MAX.unsigned_abs().into()),
        "a boolean" => return "true or false".to_owned(),
        "a sequence" => return "a list".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => return "a whole number".to_owned(),
        "f32" | "f64" => return "a number".to_owned(),
        other if other.starts_with("struct ") || other == "a map" => return "a section".to_owned(),
        other => return other.to_owned(),
    };
    format!("a whole number from {} to {}", range.0, range.1)
}

/// The kind of a value without the value.
fn kind(found: &str) -> &str {
    let kinds = [
        ("string", "a string"),
        ("integer", "a whole number"),
        ("floating point", "a decimal number"),
        ("boolean", "true or false"),
        ("sequence", "a list"),
        ("map", "a section"),
    ];
    kinds
        .iter()
        .find(|(prefix, _)| found.starts_with(prefix))
        .map_or("that", |(_, words)| words)
}
