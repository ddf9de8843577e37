//! Owner and access list of a file or folder, read from the text form of a security descriptor (SDDL, [MS-DTYP] 2.5.1).
//!
//! Invariant: what is not understood grants more, never less: an entry with an unknown right counts as granting everything.

/// Takes part in nobody's suspicion: the system, administrators, the installer of the system's own programs; who creates
/// something in a folder (`CO`), and who owns it (`OW`), which is looked at by itself.
const TRUSTED: [&str; 9] = [
    "SY",
    "S-1-5-18",
    "BA",
    "S-1-5-32-544",
    "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
    "CO",
    "S-1-3-0",
    "OW",
    "S-1-3-4",
];

/// Reading the content.
const READ: u32 = 0x0000_0001 | GENERIC_READ | GENERIC_ALL;
/// Writing content, or putting something into a folder.
const WRITE: u32 = 0x0000_0002 | 0x0000_0004 | GENERIC_WRITE | GENERIC_ALL;
/// Putting a file into a folder: a library beside a program.
const ADD_FILE: u32 = 0x0000_0002 | GENERIC_WRITE | GENERIC_ALL;
/// Removing it or what is in it, changing its access list, or owning it.
const REPLACE: u32 = 0x0000_0040 | 0x0001_0000 | 0x0004_0000 | 0x0008_0000 | GENERIC_ALL;
const GENERIC_READ: u32 = 0x8000_0000;
const GENERIC_WRITE: u32 = 0x4000_0000;
const GENERIC_ALL: u32 = 0x1000_0000;

/// The names of rights.
const RIGHTS: [(&str, u32); 25] = [
    ("GA", GENERIC_ALL),
    ("GR", GENERIC_READ),
    ("GW", GENERIC_WRITE),
    ("GX", 0x2000_0000),
    ("RC", 0x0002_0000),
    ("SD", 0x0001_0000),
    ("WD", 0x0004_0000),
    ("WO", 0x0008_0000),
    ("CC", 0x0000_0001),
    ("DC", 0x0000_0002),
    ("LC", 0x0000_0004),
    ("SW", 0x0000_0008),
    ("RP", 0x0000_0010),
    ("WP", 0x0000_0020),
    ("DT", 0x0000_0040),
    ("LO", 0x0000_0080),
    ("CR", 0x0000_0100),
    ("FA", 0x001F_01FF),
    ("FR", 0x0012_0089),
    ("FW", 0x0012_0116),
    ("FX", 0x0012_00A0),
    ("KA", 0x000F_003F),
    ("KR", 0x0002_0019),
    ("KW", 0x0002_0006),
    ("KX", 0x0002_0019),
];

/// One entry that grants something.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Grant {
    rights: u32,
    whom: String,
}

/// Who owns something, and what it grants to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    owner: String,
    /// None: there is no list, and so everyone may do everything.
    grants: Option<Vec<Grant>>,
}

impl Descriptor {
    /// From its text form, with owner and access list.
    pub fn parse(text: &str) -> Option<Self> {
        let owner = text.strip_prefix("O:")?;
        let end = ["G:", "D:", "S:"]
            .iter()
            .filter_map(|part| owner.find(part))
            .min()
            .unwrap_or(owner.len());
        let (owner, rest) = owner.split_at(end);
        let grants = match rest.find("D:") {
            None => None,
            Some(at) => grants(&rest[at + 2..])?,
        };
        Some(Descriptor {
            owner: owner.to_owned(),
            grants,
        })
    }

    /// Whether it belongs to one who is trusted, or to `me`.
    pub fn is_owned_by(&self, me: &str) -> bool {
        is_trusted(&self.owner, me)
    }

    /// Whether others than those could read it.
    pub fn others_may_read(&self, me: &str) -> bool {
        self.grants_others(READ, me)
    }

    /// Whether others than those could write it, remove it or change who may.
    pub fn others_may_write(&self, me: &str) -> bool {
        self.grants_others(WRITE | REPLACE, me)
    }

    /// Whether others than those could put a file into this folder, replace what is in it or change who may.
    pub fn others_may_replace_within(&self, me: &str) -> bool {
        self.grants_others(ADD_FILE | REPLACE, me)
    }

    fn grants_others(&self, rights: u32, me: &str) -> bool {
        self.grants.as_ref().is_none_or(|grants| {
            grants
                .iter()
                .any(|grant| grant.rights & rights != 0 && !is_trusted(&grant.whom, me))
        })
    }
}

fn is_trusted(sid: &str, me: &str) -> bool {
    sid == me || TRUSTED.contains(&sid)
}

/// `PAI(A;OICI;FA;;;SY)…`: those entries that grant something here; `Some(None)` where there is no list.
fn grants(text: &str) -> Option<Option<Vec<Grant>>> {
    let (flags, mut rest) = text.split_at(text.find('(').unwrap_or(text.len()));
    if flags.contains("NO_ACCESS_CONTROL") {
        return Some(None);
    }
    let mut grants = Vec::new();
    while let Some(entry) = rest.strip_prefix('(') {
        let (entry, after) = entry.split_once(')')?;
        rest = after;
        let fields: Vec<&str> = entry.split(';').collect();
        let [kind, flags, rights, _, _, whom, ..] = fields.as_slice() else {
            return None;
        };
        // Entries for what is made in a folder grant nothing on the folder itself; those that deny are not counted on.
        let inherited_only = flags.as_bytes().chunks(2).any(|flag| flag == b"IO");
        if kind.ends_with('D') || inherited_only {
            continue;
        }
        grants.push(Grant {
            rights: mask(rights),
            whom: (*whom).to_owned(),
        });
    }
    Some(Some(grants))
}

/// `0x1200a9`, or names in pairs of letters.
fn mask(rights: &str) -> u32 {
    if let Some(digits) = rights.strip_prefix("0x") {
        return u32::from_str_radix(digits, 16).unwrap_or(u32::MAX);
    }
    rights.as_bytes().chunks(2).fold(0, |mask, name| {
        let known = RIGHTS.iter().find(|(known, _)| known.as_bytes() == name);
        mask | known.map_or(u32::MAX, |(_, right)| *right)
    })
}

#[cfg(test)]
mod tests;
