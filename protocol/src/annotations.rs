//! What people put on systems: tags and a note.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most characters of a tag.
pub const MAX_TAG_CHARS: usize = 64;
/// Most tags of a system.
pub const MAX_TAGS: usize = 64;
/// Most characters of a note.
pub const MAX_NOTE_CHARS: usize = 2000;

/// `POST /api/v1/systems/{id}/tags`. Answered with [`SystemTags`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTags {
    /// These are put on.
    #[serde(default)]
    pub add: Vec<String>,
    /// These are taken off.
    #[serde(default)]
    pub remove: Vec<String>,
}

/// The tags of a system, sorted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemTags {
    /// The tags.
    pub tags: Vec<String>,
}

/// A tag and how many systems have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TagCount {
    /// The tag.
    pub tag: String,
    /// How many systems have it.
    pub systems: i64,
}

/// `GET /api/v1/tags`: every tag in use, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TagList {
    /// The tags.
    pub items: Vec<TagCount>,
}

/// `PUT /api/v1/systems/{id}/note`; an empty one removes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeNote {
    /// The note, at most 2000 characters.
    pub note: String,
}

/// Why a text cannot be a tag: a tag is one word, so that it can be written in a filter.
pub fn tag_problem(tag: &str) -> Option<String> {
    if tag.is_empty() || tag.chars().count() > MAX_TAG_CHARS {
        return Some(format!("must have 1 to {MAX_TAG_CHARS} characters"));
    }
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '@' | '+');
    let odd = tag.chars().find(|c| !fits(*c));
    odd.map(|c| {
        format!(
            "must have letters, digits and -_.:/@+ only, not `{}`",
            c.escape_default()
        )
    })
}

/// Why a text cannot be a note.
pub fn note_problem(note: &str) -> Option<String> {
    if note.chars().count() > MAX_NOTE_CHARS {
        return Some(format!("must have at most {MAX_NOTE_CHARS} characters"));
    }
    crate::groups::unprintable(&note.replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_one_word() {
        for good in ["prod", "site:fra-1", "Büro", "owner@team", &"é".repeat(64)] {
            assert_eq!(tag_problem(good), None, "{good}");
        }
        for bad in ["", "a b", "a,b", "a\"", "a\n", "a\u{202e}", &"é".repeat(65)] {
            assert!(tag_problem(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn a_note_may_have_lines() {
        assert_eq!(note_problem("spare part ordered\n2026-11-22, jdoe"), None);
        assert!(note_problem("a\u{1b}[2J").is_some() && note_problem(&"x".repeat(2001)).is_some());
    }
}
