//! What a simulated machine makes of an upgrade: it says what a real one would, fetches nothing, and calls itself by the new
//! version from then on; or, for a share of the machines, goes back.

use super::machine::{Failure, Machine, Surroundings};
use crate::http::Connection;
use crate::signed::Signed;
use scm_protocol::commands::order::SignedOrder;
use scm_protocol::commands::report::{
    CommandName, CommandReport, End, EndOutcome, Event, ResultsReply, ResultsRequest,
};
use scm_protocol::ids::SystemId;
use scm_protocol::upgrades::order::{UPGRADE, UpgradeOrder};
use scm_protocol::upgrades::progress::{UpgradeProgress, UpgradeStage};

impl Machine {
    /// Carries out what it is told to become.
    ///
    /// # Errors
    /// [`Failure`], for the report.
    pub(super) async fn upgrade(
        &mut self,
        orders: &[SignedOrder],
        around: &Surroundings,
        connection: &mut Connection,
    ) -> Result<(), Failure> {
        let Some(system) = self.system else {
            return Ok(());
        };
        let wanted = orders.iter().map(SignedOrder::claimed);
        for order in wanted.filter(|order| order.kind == UPGRADE && order.system == system) {
            let Ok(upgrade) = UpgradeOrder::parse(&order.body) else {
                continue;
            };
            let progress = Event::Progress(UpgradeProgress {
                stage: UpgradeStage::Restarting,
                done_bytes: upgrade.size,
                total_bytes: upgrade.size,
            });
            self.tell(&order.name(), vec![Event::Started, progress], around, connection)
                .await?;
            let fails = self.fails(system, around.fail_upgrades);
            if !fails {
                self.version = upgrade.version;
                self.restarted();
                self.check_in_once(system, around, connection).await?;
            }
            let end = End {
                outcome: if fails {
                    EndOutcome::RolledBack
                } else {
                    EndOutcome::Completed
                },
                reason: fails.then(|| "the new program completed no check-in in time".to_owned()),
                exit_code: None,
                output_bytes: 0,
            };
            self.tell(&order.name(), vec![Event::Ended(end)], around, connection)
                .await?;
        }
        Ok(())
    }

    /// Whether this machine is one of those whose upgrades fail, by its id.
    fn fails(&self, system: SystemId, percent: u8) -> bool {
        system.0.wrapping_mul(7919).rem_euclid(100) < i64::from(percent)
    }

    async fn tell(
        &mut self,
        command: &CommandName,
        events: Vec<Event>,
        around: &Surroundings,
        connection: &mut Connection,
    ) -> Result<(), Failure> {
        let reports = events.into_iter().map(|event| CommandReport {
            command: command.clone(),
            event,
        });
        let request = ResultsRequest {
            boot_id: self.boot_id.clone(),
            catalogue: None,
            reports: reports.collect(),
        };
        let system = self.system.unwrap_or(SystemId(0));
        self.sequence += 1;
        let created = self.clock.now().as_secs();
        let signed = Signed::results(
            &self.key,
            &around.organization,
            system,
            created,
            self.sequence,
            &request,
        );
        self.ask::<ResultsReply>(around, connection, &signed).await?;
        Ok(())
    }
}
