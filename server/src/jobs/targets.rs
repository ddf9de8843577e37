//! The systems of a new job: named, or everything that matches a filter when it is asked for.
//!
//! The fleet is looked at before the transaction that creates the job, and not in it: check-ins would wait for the look.

use super::target_store::NewTarget;
use crate::app::App;
use crate::error::Error;
use crate::storage::Conn;
use crate::systems::{self, Instants};
use scm_protocol::jobs::{ChosenSystems, CreateJob, MAX_TARGETS};
use scm_protocol::systems::SystemStatus;
use scm_rules::CompiledFilter;

/// Which systems, and by which filter they were found.
#[derive(Clone, Debug)]
pub(super) struct Targets {
    systems: Vec<NewTarget>,
    filter: Option<FoundBy>,
}

/// A filter, and how many systems the caller was shown.
#[derive(Clone, Debug)]
struct FoundBy {
    text: String,
    expected: i64,
}

impl Targets {
    /// These systems.
    pub(super) fn chosen(systems: Vec<NewTarget>) -> Self {
        Targets {
            systems,
            filter: None,
        }
    }

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
        let (Some(text), Some(expected)) = (filter, expected_count) else {
            let read = move |conn: &mut Conn| chosen(conn, organization_id, &systems);
            return Ok(Targets::chosen(app.storage.readers.run(read).await?));
        };
        let (filter, instants) = (systems::parse_filter(&text)?, Instants::of(app));
        let look = move |conn: &mut Conn| matching(conn, organization_id, &filter, instants);
        Ok(Targets {
            systems: app.storage.readers.run(look).await?,
            filter: Some(FoundBy { text, expected }),
        })
    }

    /// The filter's text.
    pub(super) fn filter(&self) -> Option<&str> {
        self.filter.as_ref().map(|found| found.text.as_str())
    }

    /// The systems from here on, whatever matches later.
    ///
    /// # Errors
    /// [`Error::CountChanged`] when others match than were seen, [`Error::Invalid`] when they are too many.
    pub(super) fn frozen(&self) -> Result<&[NewTarget], Error> {
        if let Some(FoundBy { expected, .. }) = self.filter {
            let matching = i64::try_from(self.systems.len()).unwrap_or(i64::MAX);
            if matching != expected {
                return Err(Error::CountChanged { expected, matching });
            }
            if self.systems.len() > MAX_TARGETS {
                let reason =
                    format!("matches {matching} systems, at most {MAX_TARGETS} are allowed in one job");
                return Err(Error::invalid("filter", reason));
            }
        }
        Ok(&self.systems)
    }
}

/// Everything that matches, by id.
fn matching(
    conn: &mut Conn,
    organization_id: i64,
    filter: &CompiledFilter,
    instants: Instants,
) -> Result<Vec<NewTarget>, Error> {
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
    Ok(targets)
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
