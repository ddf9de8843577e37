//! How many registrations are looked at, per address and in total, so that they cannot be used to flood.

use governor::clock::DefaultClock;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::net::IpAddr;
use std::num::NonZeroU32;

/// Registrations a second in total; a restart of a whole fleet registers nobody anew.
const TOTAL_PER_SECOND: NonZeroU32 = NonZeroU32::new(5000).expect("is not zero");
/// Registrations a second from one address, which may be a whole site behind one router.
const ADDRESS_PER_SECOND: NonZeroU32 = NonZeroU32::new(50).expect("is not zero");
/// Registrations at once from one address.
const ADDRESS_BURST: NonZeroU32 = NonZeroU32::new(1000).expect("is not zero");
/// Addresses remembered before those at rest are forgotten.
const REMEMBERED: usize = 10_000;

/// The two limiters.
#[derive(Debug)]
pub struct RegistrationLimits {
    total: DefaultDirectRateLimiter,
    by_address: RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, DefaultClock>,
}

impl Default for RegistrationLimits {
    fn default() -> Self {
        RegistrationLimits {
            total: RateLimiter::direct(Quota::per_second(TOTAL_PER_SECOND)),
            by_address: RateLimiter::keyed(Quota::per_second(ADDRESS_PER_SECOND).allow_burst(ADDRESS_BURST)),
        }
    }
}

impl RegistrationLimits {
    /// Whether a registration from this address is looked at now.
    pub(super) fn allow(&self, address: IpAddr) -> bool {
        if self.by_address.len() > REMEMBERED {
            self.by_address.retain_recent();
        }
        // This machine's own addresses are not limited by themselves: nobody floods from there whom root does not know.
        (address.is_loopback() || self.by_address.check_key(&address).is_ok()) && self.total.check().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_it_all() {
        let limits = RegistrationLimits::default();
        let flood: IpAddr = "192.0.2.1".parse().unwrap();
        let allowed = (0..2000).filter(|_| limits.allow(flood)).count();
        assert!((1000..1200).contains(&allowed), "{allowed}");
        assert!(limits.allow("192.0.2.2".parse().unwrap()));
    }
}
