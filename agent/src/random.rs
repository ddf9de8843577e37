//! Randomness: the operating system's for keys and nonces, a small generator seeded from it for jitter.
//!
//! Invariant: nothing secret ever comes from [`Jitter`].

/// The operating system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no randomness: {0}")]
pub struct NoEntropy(getrandom::Error);

/// Bytes from the operating system's generator.
///
/// # Errors
/// [`NoEntropy`] when it has none.
pub fn entropy<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(NoEntropy)?;
    Ok(bytes)
}

/// Sixteen random bytes as 32 hexadecimal digits: a boot id, or the nonce of a registration.
///
/// # Errors
/// As [`entropy`].
pub fn random_hex() -> Result<String, NoEntropy> {
    Ok(hex(&entropy::<16>()?))
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

/// Spreads waiting times (SplitMix64). Predictable from its seed: for schedules only.
#[derive(Clone, Debug)]
pub struct Jitter {
    state: u64,
}

impl Jitter {
    /// A generator whose numbers follow from `seed`.
    pub fn seeded(seed: u64) -> Self {
        Jitter { state: seed }
    }

    /// A number from 0 to `bound` minus one; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        // The high half of a 128-bit product: uniform enough for waiting, without a modulo's bias.
        ((u128::from(mixed) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hexadecimal_digits_are_lower_case() {
        assert_eq!(hex(&[0x00, 0xaf, 0x10]), "00af10");
        assert_eq!(random_hex().unwrap().len(), 32);
    }

    proptest! {
        #[test]
        fn jitter_stays_below_its_bound(seed: u64, bound in 1_u64..) {
            let mut jitter = Jitter::seeded(seed);
            for _ in 0..16 {
                prop_assert!(jitter.below(bound) < bound);
            }
        }
    }

    #[test]
    fn jitter_fills_its_whole_range() {
        let mut jitter = Jitter::seeded(7);
        let mut counts = [0_u32; 10];
        for _ in 0..10_000 {
            counts[usize::try_from(jitter.below(10)).unwrap()] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
    }
}
