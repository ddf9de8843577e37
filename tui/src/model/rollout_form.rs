//! The form of a new rollout: what is typed, and the number that confirms it.

use super::text_field::TextField;
use crate::clock::Moment;
use scm_protocol::upgrades::rollout::CreateRollout;
use scm_protocol::upgrades::version;

/// Its fields: name, and what stands below.
pub const ROLLOUT_FIELDS: [(&str, &str); 6] = [
    (
        "systems",
        "a filter of the condition language; empty: all of them",
    ),
    ("version", "the package that they are to become"),
    (
        "stages",
        "percentages, each more than the one before, the last one 100",
    ),
    (
        "failures",
        "how many may fail before it halts; 0: the first one halts it",
    ),
    ("at once", "how many may be under way at once"),
    (
        "automatic",
        "yes: the next stage begins by itself; no: a begins it",
    ),
];

/// Where the form is.
#[derive(Debug)]
pub enum RolloutStep {
    /// It is filled in.
    Typing,
    /// The server counts the systems.
    Counting,
    /// The number is typed to confirm it.
    Confirming {
        /// How many systems match.
        count: i64,
        /// What was typed.
        typed: TextField,
        /// When the question was first on the screen.
        shown_at: Option<Moment>,
    },
    /// The server was asked.
    Sent,
}

/// The form.
#[derive(Debug)]
pub struct RolloutForm {
    /// Tells its answers from those of another.
    pub ticket: u64,
    /// As in [`ROLLOUT_FIELDS`].
    pub fields: [TextField; 6],
    /// The field with the cursor.
    pub focus: usize,
    /// What is wrong.
    pub fault: Option<String>,
    /// Where it is.
    pub step: RolloutStep,
}

impl RolloutForm {
    /// A new one, with what is usual.
    pub fn new(ticket: u64, version: &str) -> Self {
        RolloutForm {
            ticket,
            fields: ["status = active", version, "5, 25, 100", "0", "100", "no"].map(TextField::new),
            focus: 0,
            fault: None,
            step: RolloutStep::Typing,
        }
    }

    fn text(&self, field: usize) -> &str {
        self.fields[field].text().trim()
    }

    /// What was typed, for so many systems.
    ///
    /// # Errors
    /// The field at fault, and why.
    pub fn body(&self, count: i64) -> Result<CreateRollout, (usize, String)> {
        version(self.text(1)).map_err(|reason| (1, reason))?;
        let stages = self.text(2).split([',', ' ']).filter(|part| !part.is_empty());
        let stages: Result<Vec<u32>, _> = stages.map(|part| part.trim_end_matches('%').parse()).collect();
        let number = |field: usize| {
            let parsed = self.text(field).parse::<u32>();
            parsed.map_err(|_| (field, "must be a number".to_owned()))
        };
        let automatic = match self.text(5) {
            "yes" | "y" => true,
            "no" | "n" => false,
            _ => return Err((5, "must be yes or no".to_owned())),
        };
        let body = CreateRollout {
            version: Some(self.text(1).to_owned()),
            systems: Vec::new(),
            filter: Some(self.text(0).to_owned()),
            expected_count: Some(count),
            stages: Some(stages.map_err(|_| (2, "must be numbers such as 5, 25, 100".to_owned()))?),
            failure_budget: number(3)?,
            automatic,
            at_once: Some(number(4)?),
        };
        match body.problem() {
            None => Ok(body),
            Some(("stages", reason)) => Err((2, reason)),
            Some((_, reason)) => Err((4, reason)),
        }
    }

    /// The filter.
    pub fn filter(&self) -> String {
        self.text(0).to_owned()
    }

    /// A frame with it was drawn at `now`.
    pub fn was_drawn(&mut self, now: Moment) {
        if let RolloutStep::Confirming { shown_at, .. } = &mut self.step {
            shown_at.get_or_insert(now);
        }
    }

    /// What it waited for will not come; what was typed stays.
    pub fn interrupted(&mut self) {
        self.step = RolloutStep::Typing;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_what_is_asked_for() {
        let mut form = RolloutForm::new(1, "1.4.0");
        let body = form.body(7).unwrap();
        assert_eq!(
            (body.expected_count, body.stages),
            (Some(7), Some(vec![5, 25, 100]))
        );
        assert_eq!(
            (body.failure_budget, body.at_once, body.automatic),
            (0, Some(100), false)
        );
        let faults = [
            (1, "new"),
            (2, "5, x"),
            (2, "5, 50"),
            (3, "many"),
            (4, "0"),
            (5, "perhaps"),
        ];
        for (field, text) in faults {
            let before = std::mem::replace(&mut form.fields[field], TextField::new(text));
            assert_eq!(form.body(7).unwrap_err().0, field, "{text}");
            form.fields[field] = before;
        }
        assert!(form.body(7).is_ok());
    }
}
