//! What the agent tells of its host: facts that rarely change, and telemetry measured just before sending.
//!
//! Invariants: every field is optional and none is guessed; a source that fails leaves its field out and is logged once;
//! every source is bounded in time and size; everything sent fits the limits of the wire.

mod containers;
mod facts;
mod measure;

pub use facts::facts;
pub use measure::Collector;

/// Text as the wire takes it: without control characters and of at most `max` bytes.
fn fitting(text: &str, max: usize) -> String {
    let mut fitting = String::with_capacity(text.len().min(max));
    for character in text.trim().chars().filter(|character| !character.is_control()) {
        if fitting.len() + character.len_utf8() > max {
            break;
        }
        fitting.push(character);
    }
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters_and_cleaned() {
        assert_eq!(fitting(" a\u{1b}[2Jb\n", 10), "a[2Jb");
        assert_eq!(fitting("ééé", 5), "éé");
    }
}
