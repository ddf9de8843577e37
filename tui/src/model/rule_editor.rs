//! The rule of an automatic group while it is edited: rows, what is wrong with them, and what saving would do.

use super::text_field::TextField;
use crate::clock::Moment;
use scm_protocol::groups::Group;
use scm_protocol::ids::GroupId;
use scm_protocol::rules::{
    Condition, ConditionValue, Field, Kind, MAX_CONDITIONS, Operator, RuleExplained, RulePreview,
};
use scm_rules::{CompiledRule, Fault};

/// A part of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowPart {
    /// Its field.
    Field,
    /// Its operator.
    Operator,
    /// Its value.
    Value,
}

/// A condition being typed.
#[derive(Debug)]
pub struct DraftRow {
    /// Its field.
    pub field: Field,
    /// One that the field allows.
    pub operator: Operator,
    /// Its value; with commas between where the operator takes a list.
    pub value: TextField,
}

/// What the keys go to.
#[derive(Debug)]
pub enum EditorMode {
    /// The rows.
    Rows,
    /// The value of the row under the cursor.
    Typing,
    /// A list to choose from.
    Choosing {
        /// What can be chosen.
        choices: Vec<&'static str>,
        /// The one under the cursor.
        at: usize,
    },
    /// The name of a system whose reasons are asked for.
    Asking(TextField),
    /// Why a system matches, or does not.
    Why(Box<RuleExplained>),
    /// The number of systems that leave, to be typed.
    Confirming {
        /// The number.
        count: i64,
        /// What is typed.
        typed: TextField,
        /// When it was first on the screen.
        shown_at: Option<Moment>,
    },
}

/// The editor.
#[derive(Debug)]
pub struct RuleEditor {
    /// Which group.
    pub group: GroupId,
    /// Its name.
    pub name: String,
    /// The version that is edited; none for a group without a rule.
    pub version: Option<i64>,
    /// What is in force.
    saved: Vec<Condition>,
    /// How many systems are in the group as it is.
    pub members: i64,
    /// The rows.
    pub rows: Vec<DraftRow>,
    /// The row under the cursor.
    pub at: usize,
    /// The part under the cursor.
    pub part: RowPart,
    /// What the keys go to.
    pub mode: EditorMode,
    /// What the last draft that could be would do.
    pub preview: Option<RulePreview>,
    /// The draft is another than that of the preview.
    pub stale: bool,
    /// Rises with every draft; answers to an older one are dropped.
    pub round: u64,
    /// Why there is no preview.
    pub preview_fault: Option<String>,
    /// What the server said to saving.
    pub fault: Option<String>,
    /// Being saved.
    pub saving: bool,
}

impl DraftRow {
    /// A row of a condition.
    pub fn of(condition: &Condition) -> Self {
        DraftRow {
            field: condition.field,
            operator: condition.operator,
            value: TextField::new(&condition.value.as_slice().join(", ")),
        }
    }

    /// A row to begin with.
    pub fn empty() -> Self {
        DraftRow {
            field: Field::Hostname,
            operator: Operator::Contains,
            value: TextField::default(),
        }
    }

    /// What it says.
    pub fn condition(&self) -> Condition {
        let text = self.value.text().trim();
        let value = if self.operator.takes_list() {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            ConditionValue::Many(parts.map(str::to_owned).collect())
        } else {
            ConditionValue::One(text.to_owned())
        };
        Condition {
            field: self.field,
            operator: self.operator,
            value,
        }
    }

    /// What is wrong with it.
    pub fn fault(&self) -> Option<Fault> {
        CompiledRule::condition(&self.condition()).err()
    }

    /// What is expected of its value.
    pub fn hint(&self) -> String {
        let info = self.field.info();
        let case = match (info.kind, self.operator) {
            (Kind::Number | Kind::Boolean | Kind::Enum, _) => "",
            (_, Operator::Regex) => "; case-sensitive, (?i) ignores case",
            (_, Operator::Contains | Operator::NotContains | Operator::StartsWith | Operator::EndsWith) => {
                "; in any case"
            }
            _ => "",
        };
        let list = if self.operator.takes_list() {
            "; several with commas"
        } else {
            ""
        };
        let values = if info.values.is_empty() {
            format!(", as {}", info.example)
        } else {
            format!(": {}", info.values.join(" "))
        };
        format!("{}{values}{case}{list}", info.hint)
    }
}

impl RuleEditor {
    /// The editor of a group's rule.
    pub fn of(group: &Group) -> Self {
        let saved = group
            .rule
            .as_ref()
            .map(|rule| rule.conditions.clone())
            .unwrap_or_default();
        let mut rows: Vec<DraftRow> = saved.iter().map(DraftRow::of).collect();
        if rows.is_empty() {
            rows.push(DraftRow::empty());
        }
        RuleEditor {
            group: group.id,
            name: group.name.clone(),
            version: group.rule.as_ref().map(|rule| rule.version),
            saved,
            members: group.members,
            rows,
            at: 0,
            part: RowPart::Field,
            mode: EditorMode::Rows,
            preview: None,
            stale: true,
            round: 0,
            preview_fault: None,
            fault: None,
            saving: false,
        }
    }

    /// The conditions as they are typed.
    pub fn conditions(&self) -> Vec<Condition> {
        self.rows.iter().map(DraftRow::condition).collect()
    }

    /// The first row that cannot be.
    pub fn broken(&self) -> Option<usize> {
        self.rows.iter().position(|row| row.fault().is_some())
    }

    /// Whether it says something else than what is in force.
    pub fn is_changed(&self) -> bool {
        self.conditions() != self.saved
    }

    /// The row under the cursor.
    pub fn row(&mut self) -> Option<&mut DraftRow> {
        self.rows.get_mut(self.at)
    }

    /// Another draft: the last preview is kept, and marked.
    pub fn changed(&mut self) {
        self.round += 1;
        self.stale = true;
        self.fault = None;
    }

    /// Adds a row behind the one under the cursor; answers whether there was room.
    pub fn add_row(&mut self) -> bool {
        if self.rows.len() >= MAX_CONDITIONS {
            return false;
        }
        self.at = (self.at + 1).min(self.rows.len());
        self.rows.insert(self.at, DraftRow::empty());
        self.part = RowPart::Field;
        self.changed();
        true
    }

    /// Removes the row under the cursor; the last one is emptied.
    pub fn remove_row(&mut self) {
        if self.rows.len() > 1 {
            self.rows.remove(self.at);
            self.at = self.at.min(self.rows.len() - 1);
        } else {
            self.rows = vec![DraftRow::empty()];
        }
        self.changed();
    }

    /// Moves the row under the cursor.
    pub fn move_row(&mut self, down: bool) {
        let to = if down {
            self.at + 1
        } else {
            self.at.wrapping_sub(1)
        };
        if to < self.rows.len() {
            self.rows.swap(self.at, to);
            self.at = to;
            self.changed();
        }
    }

    /// What can be chosen for the part under the cursor, and which of it holds.
    pub fn choices(&self) -> Option<(Vec<&'static str>, usize)> {
        let row = self.rows.get(self.at)?;
        let (choices, current): (Vec<&'static str>, &str) = match self.part {
            RowPart::Field => (
                Field::all()
                    .filter(|info| info.in_rules)
                    .map(|info| info.name)
                    .collect(),
                row.field.as_str(),
            ),
            RowPart::Operator => {
                let operators = row.field.kind().operators();
                (
                    operators.iter().map(|operator| operator.as_str()).collect(),
                    row.operator.as_str(),
                )
            }
            RowPart::Value if row.operator.takes_list() || row.field.info().values.is_empty() => return None,
            RowPart::Value if !matches!(row.operator, Operator::Equals | Operator::NotEquals) => return None,
            RowPart::Value => (row.field.info().values.to_vec(), row.value.text()),
        };
        let at = choices.iter().position(|choice| *choice == current).unwrap_or(0);
        Some((choices, at))
    }

    /// Takes a choice for the part under the cursor. An operator that the field does not have gives way to one that it has.
    pub fn choose(&mut self, choice: &str) {
        let part = self.part;
        let Some(row) = self.row() else { return };
        match part {
            RowPart::Field => {
                if let Ok(field) = choice.parse::<Field>() {
                    row.field = field;
                    if !field.kind().allows(row.operator) {
                        row.operator = field
                            .kind()
                            .operators()
                            .first()
                            .copied()
                            .unwrap_or(Operator::Equals);
                    }
                }
                self.part = RowPart::Operator;
            }
            RowPart::Operator => {
                if let Ok(operator) = choice.parse() {
                    row.operator = operator;
                }
                self.part = RowPart::Value;
            }
            RowPart::Value => row.value = TextField::new(choice),
        }
        self.changed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scm_protocol::groups::GroupKind;
    use scm_protocol::ids::UnixMillis;

    fn editor() -> RuleEditor {
        RuleEditor::of(&Group {
            id: GroupId(1),
            name: "a".to_owned(),
            description: String::new(),
            kind: GroupKind::Auto,
            members: 0,
            rule: None,
            created_ms: UnixMillis(0),
            created_by: String::new(),
        })
    }

    #[test]
    fn operators_are_those_of_the_field() {
        let mut editor = editor();
        editor.choose("os_family");
        assert_eq!(
            (editor.part, editor.rows[0].operator),
            (RowPart::Operator, Operator::Contains)
        );
        let (choices, _) = editor.choices().unwrap();
        assert!(choices.contains(&"in") && !choices.contains(&"regex"));
        editor.part = RowPart::Field;
        editor.choose("mem_total_mb");
        assert_eq!(editor.rows[0].operator, Operator::Eq, "one that the field has");
        assert!(editor.choices().unwrap().0.contains(&"ge"));
    }

    #[test]
    fn a_ninth_row_is_not_added_and_the_last_one_not_removed() {
        let mut editor = editor();
        for _ in 0..7 {
            assert!(editor.add_row());
        }
        assert!(!editor.add_row());
        for _ in 0..9 {
            editor.remove_row();
        }
        assert_eq!(editor.rows.len(), 1);
    }

    #[test]
    fn lists_are_typed_with_commas() {
        let row = DraftRow {
            field: Field::OsFamily,
            operator: Operator::In,
            value: TextField::new("linux, freebsd,"),
        };
        let values = ConditionValue::Many(vec!["linux".to_owned(), "freebsd".to_owned()]);
        assert_eq!(row.condition().value, values);
        assert!(row.fault().is_none() && DraftRow::empty().fault().is_some());
    }
}
