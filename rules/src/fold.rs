//! Comparing without regard to case.
//!
//! Most texts are ASCII, and are compared where they lie: over a whole fleet a copy of each would cost more than the rest.

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

/// Whether `text`, folded, contains `part`, which is folded.
pub(crate) fn contains(text: &str, part: &str) -> bool {
    if !text.is_ascii() {
        return fold(text).contains(part);
    }
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let Some(first) = part.first() else { return true };
    let last = text.len().checked_sub(part.len());
    last.is_some_and(|last| {
        (0..=last).any(|at| text[at].to_ascii_lowercase() == *first && same(&text[at..at + part.len()], part))
    })
}

/// Whether `text`, folded, starts with `part`, which is folded.
pub(crate) fn starts_with(text: &str, part: &str) -> bool {
    if !text.is_ascii() {
        return fold(text).starts_with(part);
    }
    let start = text.as_bytes().get(..part.len());
    start.is_some_and(|start| same(start, part.as_bytes()))
}

/// Whether `text`, folded, ends with `part`, which is folded.
pub(crate) fn ends_with(text: &str, part: &str) -> bool {
    if !text.is_ascii() {
        return fold(text).ends_with(part);
    }
    let start = text.len().checked_sub(part.len());
    start.is_some_and(|start| same(&text.as_bytes()[start..], part.as_bytes()))
}

/// Whether ASCII, folded, is the same as what is folded.
fn same(ascii: &[u8], folded: &[u8]) -> bool {
    ascii
        .iter()
        .zip(folded)
        .all(|(one, other)| one.to_ascii_lowercase() == *other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_lies_there_is_compared_as_what_is_folded(text in "[aAbBσςİ]{0,6}", part in "[aAbBσς]{0,3}") {
            let (whole, part) = (fold(&text), fold(&part));
            prop_assert_eq!(contains(&text, &part), whole.contains(&part));
            prop_assert_eq!(starts_with(&text, &part), whole.starts_with(&part));
            prop_assert_eq!(ends_with(&text, &part), whole.ends_with(&part));
        }
    }
}
