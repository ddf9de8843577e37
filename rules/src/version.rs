//! The order of versions in lists. Conditions are stricter: they compare by semver what is semver, and nothing else.

use std::cmp::Ordering;

/// Compares as semver does, also what is not quite a version: `1.10.0` is after `1.9.0`, `1.4.0-rc.1` before `1.4.0`, and
/// `0.9` is `0.9.0`. What says nothing about the order (`+build`) settles what is equal otherwise: the order is total.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    numbers(a)
        .cmp(&numbers(b))
        .then_with(|| match (before_release(a), before_release(b)) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => identifiers(a, b),
        })
        .then_with(|| a.cmp(b))
}

fn numbers(version: &str) -> [u64; 3] {
    let numbers = version.split(['-', '+']).next().unwrap_or_default();
    let mut each = numbers
        .split('.')
        .map(|part| part.parse::<u64>().unwrap_or(u64::MAX));
    [(); 3].map(|()| each.next().unwrap_or_default())
}

fn before_release(version: &str) -> Option<&str> {
    let version = version.split('+').next()?;
    version.split_once('-').map(|(_, name)| name)
}

/// Numbers as numbers and before texts; the longer list after what it begins with.
fn identifiers(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_stand_as_semver_orders_them() {
        let ordered = [
            "0.9",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.0+build",
            "1.9.0",
            "1.10.0",
            "unknown",
        ];
        let mut turned = ordered;
        turned.reverse();
        turned.sort_by(|a, b| compare_versions(a, b));
        assert_eq!(turned, ordered);
    }

    proptest! {
        #[test]
        fn what_is_semver_is_ordered_as_semver_does(a in version(), b in version()) {
            let (left, right) = (semver::Version::parse(&a).unwrap(), semver::Version::parse(&b).unwrap());
            prop_assert_eq!(compare_versions(&a, &b), left.cmp_precedence(&right).then(a.cmp(&b)));
        }
    }

    fn version() -> impl Strategy<Value = String> {
        "(0|[1-3])\\.(0|[1-9][0-9]?)\\.(0|[1-3])(-(rc|beta|1|12)(\\.(1|2|10|x)){0,2})?"
    }
}
