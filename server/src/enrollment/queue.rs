//! Verified registrations wait in a bounded queue; what waits is stored in one transaction.

use super::registration::{Candidate, Memory, Registered, store_candidates};
use crate::error::Error;
use crate::gathered::Gathered;
use crate::rules::RulesCache;
use crate::storage::Writer;
use tokio::runtime::Handle;

/// Most registrations in one transaction.
const MOST: usize = 256;

/// Where verified registrations are put.
#[derive(Clone, Debug)]
pub struct Registrations {
    gathered: Gathered<Candidate, Registered>,
}

impl Registrations {
    /// Starts the task that stores them, in `home`; at most `capacity` may wait.
    pub fn start(home: &Handle, capacity: usize, writer: Writer, rules: RulesCache) -> Self {
        let memory = Memory {
            rules,
            ..Memory::default()
        };
        let together = move |candidates: Vec<Candidate>| {
            let (writer, memory) = (writer.clone(), memory.clone());
            async move {
                writer
                    .run(move |conn| store_candidates(conn, &memory, &candidates))
                    .await
            }
        };
        Registrations {
            gathered: Gathered::start(home, capacity, MOST, together),
        }
    }

    /// Has a registration stored.
    pub(super) async fn store(&self, candidate: Candidate) -> Result<Registered, Error> {
        self.gathered.submit(candidate).await
    }
}
