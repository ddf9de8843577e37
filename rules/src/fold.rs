//! Comparing without regard to case.

/// `text` in a form that is the same whatever its case: each character's own lowercase, so that the form of a part is part
/// of the form of the whole (`str::to_lowercase` gives a sigma at the end of a word another form).
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c == 'ς' { 'σ' } else { c })
        .collect()
}
