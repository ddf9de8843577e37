//! Notices as text: PostgreSQL carries less than 8,000 bytes at once.

use crate::events::Notice;
use serde::{Deserialize, Serialize};

/// Most bytes of the notices of one message; the rest is for what is around them.
const MAX_BYTES: usize = 7_500;

/// What one replica tells.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Message {
    /// Which replica: random for each start.
    #[serde(default)]
    pub from: String,
    /// What happened there.
    pub notices: Vec<Notice>,
}

/// Notices as lists in JSON, each short enough for one message.
pub(super) fn pack(notices: Vec<Notice>) -> Vec<String> {
    let (mut packed, mut list) = (Vec::new(), String::new());
    for notice in notices.into_iter().flat_map(split) {
        // Numbers and names always have a JSON form.
        let text = serde_json::to_string(&notice).unwrap_or_default();
        if !list.is_empty() && list.len() + text.len() >= MAX_BYTES {
            packed.push(format!("[{}]", std::mem::take(&mut list)));
        }
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(&text);
    }
    if !list.is_empty() {
        packed.push(format!("[{list}]"));
    }
    packed
}

/// Ids of one notice: each has 20 characters at most.
const IDS: usize = 300;

/// A notice that names many systems, as several.
fn split(notice: Notice) -> Vec<Notice> {
    match notice {
        Notice::Updated(of, ids) if ids.len() > IDS => ids
            .chunks(IDS)
            .map(|part| Notice::Updated(of, part.into()))
            .collect(),
        Notice::Listed(of, ids) if ids.len() > IDS => ids
            .chunks(IDS)
            .map(|part| Notice::Listed(of, part.into()))
            .collect(),
        Notice::Wake(ids) if ids.len() > IDS => {
            ids.chunks(IDS).map(|part| Notice::Wake(part.into())).collect()
        }
        short => vec![short],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scm_protocol::ids::SystemId;

    #[test]
    fn everything_is_told_in_short_messages() {
        let ids: Vec<SystemId> = (0..5000).map(|id| SystemId(i64::MAX - id)).collect();
        let told = vec![
            Notice::Listed(i64::MAX, ids.clone()),
            Notice::Audit(1),
            Notice::Wake(ids.clone()),
        ];
        let packed = pack(told);
        assert!(packed.len() > 20 && packed.iter().all(|text| text.len() <= MAX_BYTES + 2));
        let (mut listed, mut woken, mut audited) = (Vec::new(), Vec::new(), 0);
        for text in packed {
            for notice in serde_json::from_str::<Vec<Notice>>(&text).unwrap() {
                match notice {
                    Notice::Listed(_, part) => listed.extend(part),
                    Notice::Wake(part) => woken.extend(part),
                    Notice::Audit(1) => audited += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!((listed, woken, audited), (ids.clone(), ids, 1));
    }

    #[test]
    fn nothing_is_no_message() {
        assert!(pack(Vec::new()).is_empty());
    }
}
