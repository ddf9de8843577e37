//! Text in columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text cut to `width` columns, with `ellipsis` where something is missing.
pub fn cut(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(ellipsis.width());
    let mut used = 0;
    let mut kept: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= room
        })
        .collect();
    if ellipsis.width() <= width {
        kept.push_str(ellipsis);
    }
    kept
}

/// The text cut or filled to exactly `width` columns.
pub fn fit(text: &str, width: usize, ellipsis: &str) -> String {
    let mut text = cut(text, width, ellipsis);
    let missing = width.saturating_sub(text.width());
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

/// The text with its end at column `width`.
pub fn right(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.width());
    format!("{}{text}", " ".repeat(missing))
}

/// Words in lines of at most `width` columns; longer words are broken.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        for (index, part) in broken(word, width).into_iter().enumerate() {
            let Some(line) = lines.last_mut() else { break };
            let glue = usize::from(!line.is_empty() && index == 0);
            if line.width() + glue + part.width() > width || index > 0 {
                lines.push(part);
            } else {
                line.push_str(&" ".repeat(glue));
                line.push_str(&part);
            }
        }
    }
    lines
}

fn broken(word: &str, width: usize) -> Vec<String> {
    let mut parts = vec![String::new()];
    for c in word.chars() {
        let over = parts
            .last()
            .is_some_and(|part| part.width() + c.width().unwrap_or(0) > width);
        if over {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_fits_its_column() {
        assert_eq!(fit("abc", 5, "…"), "abc  ");
        assert_eq!(fit("abcdef", 5, "…"), "abcd…");
        assert_eq!(fit("漢字漢字", 5, ".."), "漢.. ");
        assert_eq!(cut("abc", 0, ".."), "");
        assert_eq!(right("7", 3), "  7");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("", 3), [""]);
    }
}
