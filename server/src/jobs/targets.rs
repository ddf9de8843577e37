//! The systems of a new job: named, or everything that matches a filter in the transaction that creates it.

use super::target_store::NewTarget;
use crate::app::App;
use crate::error::Error;
use crate::storage::Conn;
use crate::systems::{self, Instants};
use scm_protocol::jobs::{ChosenSystems, CreateJob, MAX_TARGETS};
use scm_protocol::systems::SystemStatus;
use scm_rules::CompiledFilter;

/// Which systems.
#[derive(Clone)]
pub(super) enum Targets {
    /// These.
    Chosen(Vec<NewTarget>),
    /// Those that match.
    Matching {
        /// As it was written.
        text: String,
        /// The same, to be asked.
        filter: CompiledFilter,
        /// How many the caller was shown.
        expected: i64,
        /// When.
        instants: Instants,
    },
}

impl Targets {
    /// Those of a request that was checked.
    ///
    /// # Errors
    /// [`Error::Invalid`] for `filter`.
    pub(super) async fn asked(app: &App, organization_id: i64, wanted: CreateJob) -> Result<Self, Error> {
        let CreateJob {
            systems,
            filter,
            expected_count,
            ..
        } = wanted;
        if let (Some(text), Some(expected)) = (filter, expected_count) {
            return Ok(Targets::Matching {
                filter: systems::parse_filter(&text)?,
                text,
                expected,
                instants: Instants::of(app),
            });
        }
        let read = move |conn: &mut Conn| chosen(conn, organization_id, &systems);
        Ok(Targets::Chosen(app.storage.readers.run(read).await?))
    }

    /// The filter's text.
    pub(super) fn filter(&self) -> Option<&str> {
        match self {
            Targets::Chosen(_) => None,
            Targets::Matching { text, .. } => Some(text),
        }
    }

    /// The systems from here on, whatever matches later.
    ///
    /// # Errors
    /// [`Error::CountChanged`] when others match than were seen, [`Error::Invalid`] when they are too many.
    pub(super) fn freeze(&self, conn: &mut Conn, organization_id: i64) -> Result<Vec<NewTarget>, Error> {
        let (filter, expected, instants) = match self {
            Targets::Chosen(targets) => return Ok(targets.clone()),
            Targets::Matching {
                filter,
                expected,
                instants,
                ..
            } => (filter, *expected, *instants),
        };
        let mut targets = Vec::new();
        systems::scan(conn, organization_id, filter.needs(), |system| {
            if filter.matches(&system.at(instants)) {
                targets.push(NewTarget {
                    system_id: system.id().0,
                    hostname: system.hostname().to_owned(),
                    expected_status: system.status()?.as_str(),
                });
            }
            Ok(())
        })?;
        let matching = i64::try_from(targets.len()).unwrap_or(i64::MAX);
        if matching != expected {
            return Err(Error::CountChanged { expected, matching });
        }
        if targets.len() > MAX_TARGETS {
            let reason = format!("matches {matching} systems, at most {MAX_TARGETS} are allowed in one job");
            return Err(Error::invalid("filter", reason));
        }
        Ok(targets)
    }
}

/// Systems that were chosen one by one, by id. One that does not exist is among them: its outcome says so.
fn chosen(conn: &mut Conn, organization_id: i64, wanted: &[ChosenSystems]) -> Result<Vec<NewTarget>, Error> {
    let mut targets = Vec::new();
    for chosen in wanted {
        let mut names = systems::names(conn, organization_id, &chosen.ids)?;
        let status: SystemStatus = chosen.expected_status;
        targets.extend(chosen.ids.iter().map(|id| NewTarget {
            system_id: id.0,
            hostname: names.remove(id).unwrap_or_default(),
            expected_status: status.as_str(),
        }));
    }
    Ok(targets)
}
