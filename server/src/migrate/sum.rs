//! What a table holds, in short: how many rows, and the sum of their SHA-256.
//!
//! A sum does not depend on the order, which each database chooses; changed, missing, added and doubled rows change it.

use super::table::Kind;
use crate::error::Error;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Rows and their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub rows: u64,
    total: [u64; 4],
}

impl Sum {
    /// Adds a row, as either database gives it.
    ///
    /// # Errors
    /// When it is no such row.
    pub(super) fn add(&mut self, row: &str, columns: &[(String, Kind)]) -> Result<(), Error> {
        let digest = digest(row, columns).ok_or_else(|| Error::internal(format!("no row: {row:.200}")))?;
        for (total, part) in self.total.iter_mut().zip(digest.chunks_exact(8)) {
            let part = part
                .iter()
                .fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
            *total = total.wrapping_add(part);
        }
        self.rows += 1;
        Ok(())
    }
}

/// Of the values themselves: databases write the same number with a point in several ways.
fn digest(row: &str, columns: &[(String, Kind)]) -> Option<[u8; 32]> {
    let values: Vec<Value> = serde_json::from_str(row).ok()?;
    if values.len() != columns.len() {
        return None;
    }
    let mut hash = Sha256::new();
    for (value, (_, kind)) in values.iter().zip(columns) {
        let text = match (value, kind) {
            (Value::String(text), Kind::Double) => text.parse::<f64>().ok()?.to_bits().to_string(),
            (other, _) => other.to_string(),
        };
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    Some(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(rows: &[&str]) -> Sum {
        let columns = [
            ("id".to_owned(), Kind::Integer),
            ("share".to_owned(), Kind::Double),
        ];
        let mut sum = Sum::default();
        rows.iter().for_each(|row| sum.add(row, &columns).unwrap());
        sum
    }

    #[test]
    fn the_same_rows_have_the_same_sum_in_any_order_and_spelling() {
        let one = sum(&[r#"[1,"0.10000000000000001"]"#, "[2,null]"]);
        assert_eq!(one, sum(&["[2, null]", r#"[1, "0.1"]"#]));
    }

    #[test]
    fn whatever_differs_has_another_sum() {
        let one = sum(&[r#"[1,"0.1"]"#, "[2,null]"]);
        for other in [
            vec![r#"[1,"0.1"]"#],
            vec![r#"[1,"0.1"]"#, "[3,null]"],
            vec![r#"[1,"0.2"]"#, "[2,null]"],
            vec![r#"[1,"0.1"]"#, "[2,null]", "[2,null]"],
            vec![r#"["1","0.1"]"#, "[2,null]"],
        ] {
            assert_ne!(one, sum(&other), "{other:?}");
        }
    }
}
