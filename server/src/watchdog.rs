//! Signs of life for the service manager, which restarts a server that hangs.

use crate::homes::Homes;
use std::time::Duration;

/// Signs in each period that the service manager allows: one may come late.
const SIGNS: u32 = 3;

/// Gives signs of life where the unit asks for them (`WatchdogSec=`), as long as the runtime turns, its blocking threads
/// take work, and so does every home of connections. A database that is away is none of its business: a restart brings no
/// database back, and `readyz` tells.
pub async fn give_signs_of_life(homes: Homes) {
    let Some(period) = sd_notify::watchdog_enabled() else {
        return;
    };
    loop {
        if all_alive(&homes).await
            && let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Watchdog])
        {
            tracing::warn!(error = %error, "the service manager takes no sign of life");
        }
        tokio::time::sleep(pause(period)).await;
    }
}

/// Whether everything that is to turn does; one that hangs is waited for.
async fn all_alive(homes: &Homes) -> bool {
    for home in homes.each() {
        if home.spawn(async {}).await.is_err() {
            return false;
        }
    }
    tokio::task::spawn_blocking(|| ()).await.is_ok()
}

fn pause(period: Duration) -> Duration {
    period / SIGNS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use tokio::time::timeout;

    #[tokio::test]
    async fn a_home_that_hangs_gives_no_sign() {
        let (homes, threads) = Homes::start_some(2).unwrap();
        assert!(all_alive(&homes).await);
        let (go_on, hangs) = mpsc::channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        homes.next().spawn(async move {
            begun.send(()).unwrap();
            // As a bug would: it blocks the thread.
            let _ = hangs.recv();
        });
        begins.await.unwrap();
        assert!(
            timeout(Duration::from_millis(200), all_alive(&homes))
                .await
                .is_err()
        );
        drop(go_on);
        assert!(all_alive(&homes).await);
        threads.end(Duration::ZERO);
    }

    #[test]
    fn a_sign_may_come_late() {
        let period = Duration::from_secs(60);
        assert!(pause(period) * 2 < period);
    }
}
