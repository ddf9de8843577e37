//! What was probably meant by a name that does not exist.

/// Least likeness (Jaro-Winkler) for a name to be offered as what was meant.
const LIKENESS: f64 = 0.75;

/// The known name that is most like `name`, when it is like enough to be offered.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// `, did you mean `x`?`, or nothing when no known name is like it.
pub(super) fn did_you_mean(name: &str, known: &[&'static str]) -> String {
    nearest(name, known.iter().copied())
        .map(|meant| format!(", did you mean `{meant}`?"))
        .unwrap_or_default()
}

/// At most 40 characters of a caller's text, without control characters, to repeat in an error.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}
