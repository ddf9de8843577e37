//! Signs of life for the service manager, which restarts a server that hangs.

use std::time::Duration;

/// Signs in each period that the service manager allows: one may come late.
const SIGNS: u32 = 3;

/// Gives signs of life where the unit asks for them (`WatchdogSec=`), as long as the runtime turns and its blocking threads
/// take work. A database that is away is none of its business: a restart brings no database back, and `readyz` tells.
pub async fn give_signs_of_life() {
    let Some(period) = sd_notify::watchdog_enabled() else {
        return;
    };
    loop {
        if tokio::task::spawn_blocking(|| ()).await.is_ok()
            && let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Watchdog])
        {
            tracing::warn!(error = %error, "the service manager takes no sign of life");
        }
        tokio::time::sleep(pause(period)).await;
    }
}

fn pause(period: Duration) -> Duration {
    period / SIGNS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_may_come_late() {
        let period = Duration::from_secs(60);
        assert!(pause(period) * 2 < period);
    }
}
