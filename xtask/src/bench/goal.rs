//! What a measurement is to reach, and whether it did.

/// One figure and its target.
#[derive(Debug)]
pub(crate) struct Goal {
    what: String,
    measured: f64,
    unit: &'static str,
    limit: Limit,
}

#[derive(Clone, Copy, Debug)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    /// The more the better.
    pub(crate) fn at_least(what: impl Into<String>, measured: f64, least: f64, unit: &'static str) -> Self {
        Goal {
            what: what.into(),
            measured,
            unit,
            limit: Limit::AtLeast(least),
        }
    }

    /// The less the better.
    pub(crate) fn at_most(what: impl Into<String>, measured: f64, most: f64, unit: &'static str) -> Self {
        Goal {
            what: what.into(),
            measured,
            unit,
            limit: Limit::AtMost(most),
        }
    }

    /// What could not be measured is not met.
    fn met(&self) -> bool {
        match self.limit {
            Limit::AtLeast(least) => self.measured >= least,
            Limit::AtMost(most) => self.measured <= most,
        }
    }

    fn line(&self) -> String {
        let (word, limit) = match self.limit {
            Limit::AtLeast(least) => ("at least", least),
            Limit::AtMost(most) => ("at most", most),
        };
        let decimals = if limit < 10.0 { 2 } else { 1 };
        format!(
            "{:<62} {:>9.decimals$} {:<4} {word:<8} {limit:>7} {}",
            self.what,
            self.measured,
            self.unit,
            if self.met() { "met" } else { "NOT MET" }
        )
    }
}

/// One line for each.
pub(crate) fn print(goals: &[Goal]) {
    for goal in goals {
        println!("{}", goal.line());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_itself_is_met_and_what_was_not_measured_is_not() {
        assert!(Goal::at_least("a", 3.0, 3.0, "").met() && !Goal::at_least("a", 2.9, 3.0, "").met());
        assert!(Goal::at_most("a", 3.0, 3.0, "").met() && !Goal::at_most("a", 3.1, 3.0, "").met());
        assert!(
            !Goal::at_least("a", f64::NAN, 0.0, "").met() && !Goal::at_most("a", f64::NAN, 0.0, "").met()
        );
        let line = Goal::at_most("growth", 20.04, 20.0, "%").line();
        assert!(line.ends_with("20.0 %    at most       20 NOT MET"), "{line}");
    }
}
