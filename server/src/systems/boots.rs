//! Which runs of the agent ("boots") speak for one identity, and how two machines with one identity give themselves away.
//!
//! A boot id is random text that the agent makes at each start and says in every check-in, together with the boot id of
//! its run before, which it keeps beside its key. Only one agent runs on a state folder at a time (a lock), and its
//! sequence numbers rise over all its runs, because a block of numbers is reserved on disk before one of it is used. So on
//! one machine every number of a run is lower than every number of the runs that follow.
//!
//! What follows from it:
//!
//! * **a former run speaks** ([`Evidence::FormerRun`]): a boot that was followed by another uses a number above the other's
//!   first. On one machine the former process had ended before the other began, and could not use a higher number.
//! * **a fork** ([`Evidence::Fork`]): a new boot names as its predecessor one that was followed by another already, with a
//!   number above the other's first. A run keeps its boot id on disk before its first check-in, so on one machine the
//!   predecessor is always the last boot that was heard of, or one that never was heard.
//! * **one number, two messages** ([`Evidence::SameNumber`]): the present boot signs two messages with one number. A process
//!   takes each number from memory once, and repeats a request only with its very bytes: that is a plain replay.
//!
//! None of it fires for one honest machine: a restart or reboot is a new boot with the right predecessor and higher
//! numbers; a delayed or overtaken packet has a number below the next run's first; the clock plays no part; a lost sequence
//! file makes the next run begin above the server's highest number (and well above it, for what may still be under way),
//! and a lost boot id is no predecessor at all. A virtual machine that is rolled back to a snapshot, or restored from a
//! backup, *is* a second machine with the same identity as far as can be seen from here: it is flagged and an administrator
//! decides.
//!
//! The later boot to appear is the claimant: it is kept out ("barred") with a signed refusal and changes nothing; the first
//! goes on. What follows a barred run by its own word is barred too. Boots are kept as short digests, a bounded number of
//! them.

use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// Former runs that are remembered.
const MAX_FORMER: usize = 4;
/// Barred runs that are remembered: the oldest are forgotten first.
const MAX_BARRED: usize = 16;

/// A boot id in short.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct BootTag([u8; 8]);

impl BootTag {
    pub(super) fn of(boot_id: &str) -> Self {
        let digest = Sha256::digest(boot_id.as_bytes());
        let mut tag = [0; 8];
        tag.copy_from_slice(&digest[..8]);
        BootTag(tag)
    }
}

impl fmt::Display for BootTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BootTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for BootTag {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() != 16 {
            return Err(());
        }
        let number = u64::from_str_radix(text, 16).map_err(|_| ())?;
        Ok(BootTag(number.to_be_bytes()))
    }
}

/// Why a run may not speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bar {
    /// An administrator is to decide.
    Quarantined,
    /// It is to become a system of its own.
    Split,
}

/// What gave a second machine away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A run that was followed by another goes on.
    FormerRun,
    /// Two runs follow the same one.
    Fork,
    /// One sequence number, two messages.
    SameNumber,
    /// It follows a run that is barred.
    Successor,
}

impl Evidence {
    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Evidence::FormerRun => "former_run",
            Evidence::Fork => "fork",
            Evidence::SameNumber => "same_number",
            Evidence::Successor => "successor",
        }
    }
}

/// What is remembered of the runs of one identity besides the present one's boot id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Boots {
    /// The first number of the present run.
    first: u64,
    /// Those before, the latest first, with their first numbers.
    former: Vec<(BootTag, u64)>,
    /// Those that may not speak, the latest first.
    barred: Vec<(BootTag, Bar)>,
}

/// A check-in as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speaker<'a> {
    pub boot_id: &'a str,
    pub previous: Option<&'a str>,
    pub sequence: u64,
}

/// Who a speaker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The present run.
    Present,
    /// The present run from now on.
    Successor(Boots),
    /// Something that was sent before the present run began.
    Late,
    /// The first of two machines: those runs that came after it are barred from now on.
    Original(Boots),
    /// A run that is barred from now on.
    Claimant(Evidence, Boots, Bar),
    /// A run that is barred already.
    Barred(Bar),
}

/// Whether an administrator is to decide about a run, by what is stored.
pub(super) fn is_contested(stored: &str) -> bool {
    stored.parse::<Boots>().is_ok_and(|boots| boots.has_quarantined())
}

impl Boots {
    /// Who speaks, given the present run's boot id.
    pub(super) fn judge(&self, present: &str, speaker: Speaker<'_>) -> Verdict {
        if speaker.boot_id == present {
            return Verdict::Present;
        }
        let tag = BootTag::of(speaker.boot_id);
        let previous = speaker.previous.map(BootTag::of);
        if let Some(bar) = self.bar(tag) {
            return Verdict::Barred(bar);
        }
        if let Some(bar) = previous.and_then(|previous| self.bar(previous)) {
            return Verdict::Claimant(Evidence::Successor, self.barring(&[tag], bar), bar);
        }
        let later = speaker.sequence > self.first;
        let former = |tag| self.former.iter().position(|(other, _)| *other == tag);
        match (former(tag), previous.and_then(former)) {
            (Some(at), _) if later => Verdict::Original(self.without_successors(present, at)),
            (_, _) if !later && self.first > 0 => Verdict::Late,
            (None, Some(_)) => Verdict::Claimant(
                Evidence::Fork,
                self.barring(&[tag], Bar::Quarantined),
                Bar::Quarantined,
            ),
            _ => Verdict::Successor(self.followed(present, speaker.sequence)),
        }
    }

    /// A second message with a number of the present run: the name under which its sender is barred from now on, which it
    /// is told so that it can be told apart.
    pub(super) fn rename(&self, present: &str, mark: i64) -> (String, Boots) {
        let name = Sha256::new()
            .chain_update(b"openscm claimant ")
            .chain_update(present.as_bytes())
            .chain_update(mark.to_be_bytes())
            .finalize();
        let name: String = name[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        let boots = self.barring(&[BootTag::of(&name)], Bar::Quarantined);
        (name, boots)
    }

    /// Why that run may not speak.
    fn bar(&self, tag: BootTag) -> Option<Bar> {
        let found = self.barred.iter().find(|(barred, _)| *barred == tag);
        found.map(|(_, bar)| *bar)
    }

    /// The runs after the former one at this place are barred, and it is the present one again.
    fn without_successors(&self, present: &str, at: usize) -> Self {
        let mut tags = vec![BootTag::of(present)];
        tags.extend(self.former[..at].iter().map(|(tag, _)| *tag));
        Boots {
            first: self.former[at].1,
            former: self.former[at + 1..].to_vec(),
            ..self.barring(&tags, Bar::Quarantined)
        }
    }

    fn barring(&self, tags: &[BootTag], bar: Bar) -> Self {
        let mut barred: Vec<_> = tags.iter().map(|tag| (*tag, bar)).collect();
        barred.extend(self.barred.iter().filter(|(tag, _)| !tags.contains(tag)));
        barred.truncate(MAX_BARRED);
        Boots {
            barred,
            ..self.clone()
        }
    }

    fn followed(&self, present: &str, first: u64) -> Self {
        let mut former = vec![(BootTag::of(present), self.first)];
        former.extend(&self.former);
        former.truncate(MAX_FORMER);
        Boots {
            first,
            former,
            barred: self.barred.clone(),
        }
    }

    /// Whether an administrator is to decide about a run.
    pub(super) fn has_quarantined(&self) -> bool {
        self.barred.iter().any(|(_, bar)| *bar == Bar::Quarantined)
    }

    /// The claimant is to become a system of its own.
    pub(super) fn split(&self, claimant: &str) -> Self {
        self.barring(&[BootTag::of(claimant)], Bar::Split)
    }

    /// The claimant is the right one, and the present run is barred. `next` is the lowest number that was not used.
    pub(super) fn swap(&self, present: &str, claimant: &str, next: u64) -> Self {
        let mut swapped = self.barring(&[BootTag::of(present)], Bar::Quarantined);
        let tag = BootTag::of(claimant);
        swapped.barred.retain(|(barred, _)| *barred != tag);
        Boots {
            first: next.saturating_sub(1),
            former: Vec::new(),
            ..swapped
        }
    }

    /// They are one machine: the claimant may speak, and what was is no evidence any more.
    pub(super) fn forgive(&self, claimant: &str) -> Self {
        let tag = BootTag::of(claimant);
        let barred = self.barred.iter().filter(|(barred, _)| *barred != tag);
        Boots {
            first: self.first,
            former: Vec::new(),
            barred: barred.copied().collect(),
        }
    }
}

impl fmt::Display for Boots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        for (tag, first) in &self.former {
            write!(f, " f{tag}:{first}")?;
        }
        for (tag, bar) in &self.barred {
            let kind = if *bar == Bar::Split { 's' } else { 'q' };
            write!(f, " {kind}{tag}")?;
        }
        Ok(())
    }
}

impl FromStr for Boots {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut boots = Boots::default();
        let mut parts = text.split_whitespace();
        let Some(first) = parts.next() else {
            return Ok(boots);
        };
        boots.first = first.parse().map_err(|_| ())?;
        for part in parts {
            let (kind, rest) = part.split_at_checked(1).ok_or(())?;
            match (kind, rest.split_once(':')) {
                ("f", Some((tag, first))) => {
                    boots.former.push((tag.parse()?, first.parse().map_err(|_| ())?));
                }
                ("q", None) => boots.barred.push((rest.parse()?, Bar::Quarantined)),
                ("s", None) => boots.barred.push((rest.parse()?, Bar::Split)),
                _ => return Err(()),
            }
        }
        Ok(boots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn speaker<'a>(boot_id: &'a str, previous: Option<&'a str>, sequence: u64) -> Speaker<'a> {
        Speaker {
            boot_id,
            previous,
            sequence,
        }
    }

    fn followed(boots: &Boots, present: &str, new: &str, previous: Option<&str>, sequence: u64) -> Boots {
        match boots.judge(present, speaker(new, previous, sequence)) {
            Verdict::Successor(boots) => boots,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_copied_folder_gives_itself_away_when_the_first_goes_on() {
        let boots = followed(&Boots::default(), "a", "b", Some("a"), 1001);
        assert_eq!(boots.judge("b", speaker("a", None, 900)), Verdict::Late);
        let Verdict::Original(boots) = boots.judge("b", speaker("a", None, 1002)) else {
            panic!("the first is not known");
        };
        assert!(boots.has_quarantined());
        assert_eq!(
            boots.judge("a", speaker("b", Some("a"), 1003)),
            Verdict::Barred(Bar::Quarantined)
        );
        // Its next run is known by its own word.
        let verdict = boots.judge("a", speaker("c", Some("b"), 2001));
        assert!(
            matches!(
                verdict,
                Verdict::Claimant(Evidence::Successor, _, Bar::Quarantined)
            ),
            "{verdict:?}"
        );
        // The first may restart.
        assert!(matches!(
            boots.judge("a", speaker("d", Some("a"), 3001)),
            Verdict::Successor(_)
        ));
    }

    #[test]
    fn all_runs_after_the_first_are_barred() {
        let boots = followed(&Boots::default(), "a", "b", None, 1001);
        let boots = followed(&boots, "b", "c", None, 2001);
        let Verdict::Original(boots) = boots.judge("c", speaker("a", None, 2005)) else {
            panic!("the first is not known");
        };
        for barred in ["b", "c"] {
            assert_eq!(
                boots.judge("a", speaker(barred, None, 9000)),
                Verdict::Barred(Bar::Quarantined)
            );
        }
    }

    #[test]
    fn a_restored_folder_is_a_fork() {
        let boots = followed(&Boots::default(), "a", "b", Some("a"), 1001);
        assert_eq!(boots.judge("b", speaker("z", Some("a"), 1001)), Verdict::Late);
        let verdict = boots.judge("b", speaker("z", Some("a"), 1002));
        assert!(
            matches!(verdict, Verdict::Claimant(Evidence::Fork, _, _)),
            "{verdict:?}"
        );
    }

    #[test]
    fn an_administrator_decides() {
        let boots = followed(&Boots::default(), "a", "b", Some("a"), 1001);
        let Verdict::Original(boots) = boots.judge("b", speaker("a", None, 1002)) else {
            panic!("the first is not known");
        };
        let split = boots.split("b");
        assert!(!split.has_quarantined());
        assert_eq!(
            split.judge("a", speaker("b", None, 1003)),
            Verdict::Barred(Bar::Split)
        );
        let swapped = boots.swap("a", "b", 1003);
        assert_eq!(
            swapped.judge("b", speaker("a", None, 1003)),
            Verdict::Barred(Bar::Quarantined)
        );
        assert_eq!(swapped.judge("b", speaker("b", None, 1003)), Verdict::Present);
        let forgiven = boots.forgive("b");
        assert!(!forgiven.has_quarantined());
        let both = followed(&forgiven, "a", "b", Some("a"), 1003);
        assert!(
            matches!(both.judge("b", speaker("a", None, 1004)), Verdict::Original(_)),
            "it is no licence"
        );
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let mut boots = Boots::default();
        for (number, pair) in ["a", "b", "c", "d", "e", "f", "g"].windows(2).enumerate() {
            let sequence = (u64::try_from(number).unwrap() + 1) * 1000;
            boots = followed(&boots, pair[0], pair[1], None, sequence);
        }
        assert_eq!(boots.former.len(), MAX_FORMER);
        let (name, boots) = boots.split("x").rename("g", -7);
        assert_eq!(name.len(), 32);
        let text = boots.to_string();
        assert_eq!(text.parse(), Ok(boots));
        assert_eq!("".parse(), Ok(Boots::default()));
        for bad in ["x", "1 f", "1 q12", "1 é", "1 f0011223344556677"] {
            assert!(bad.parse::<Boots>().is_err(), "{bad}");
        }
    }

    proptest! {
        /// One machine: runs that follow each other, numbers that rise, messages that are lost, delayed or overtaken,
        /// runs that never were heard, boot ids that were lost.
        #[test]
        fn one_machine_is_never_suspected(runs in prop::collection::vec(
            prop::collection::vec((any::<bool>(), 0_usize..6), 1..5), 1..12), forgets in any::<u16>()) {
            let mut sent = Vec::new();
            let (mut sequence, mut last) = (0_u64, None);
            for (run, messages) in runs.iter().enumerate() {
                let boot = format!("boot {run}");
                let previous = last.clone().filter(|_| forgets >> run & 1 == 0);
                sequence = sequence.div_ceil(1000) * 1000;
                for (arrives, delay) in messages {
                    sequence += 1;
                    if *arrives {
                        sent.push((sent.len() + delay, boot.clone(), previous.clone(), sequence));
                    }
                }
                last = Some(boot);
            }
            sent.sort_by_key(|(at, ..)| *at);
            let (mut boots, mut present) = (Boots::default(), "boot 0".to_owned());
            for (_, boot, previous, sequence) in &sent {
                let speaker = Speaker { boot_id: boot, previous: previous.as_deref(), sequence: *sequence };
                match boots.judge(&present, speaker) {
                    Verdict::Present | Verdict::Late => {}
                    Verdict::Successor(after) => {
                        boots = after;
                        present.clone_from(boot);
                    }
                    other => prop_assert!(false, "{speaker:?}: {other:?}"),
                }
            }
        }
    }
}
