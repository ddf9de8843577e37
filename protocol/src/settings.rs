//! Settings that administrators change while the server runs, one set per organization.
//!
//! Owns the catalogue: name, kind, bounds, default, description and who may change it. The server stores only what differs
//! from the default; what a value must be is checked by [`Definition::check`] on both sides, so that the console shows the
//! reason before it asks. To add a setting, add a constant, put it into [`CATALOGUE`], and give the server an accessor in
//! `server/src/organization_settings/values.rs`.

use crate::auth::Role;
use crate::ids::UnixMillis;
use crate::network::Network;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most networks in a list.
pub const MAX_NETWORKS: usize = 64;

/// Who changes most settings.
const ADMINS: &[Role] = &[Role::Owner, Role::Admin];

/// A whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integer {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// What is counted: `systems`, `days`, `%`.
    pub unit: &'static str,
    /// Smallest value.
    pub min: i64,
    /// Largest value.
    pub max: i64,
    /// The value unless it is changed.
    pub default: i64,
    /// Who may change it.
    pub roles: &'static [Role],
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// The value unless it is changed.
    pub default: bool,
    /// Who may change it.
    pub roles: &'static [Role],
}

/// A list of networks, empty unless it is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Networks {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Who may change it.
    pub roles: &'static [Role],
}

/// Most systems that wait for approval.
pub const PENDING_MAX: Integer = Integer {
    name: "pending.max",
    about: "most systems that may wait for approval; a registration beyond them is told to come back later",
    unit: "systems",
    min: 1,
    max: 1_000_000,
    default: 10_000,
    roles: ADMINS,
};

/// How long a silent Pending system is kept.
pub const PENDING_EXPIRE_DAYS: Integer = Integer {
    name: "pending.expire_days",
    about: "a pending system that was not heard of for this long is removed; 0: never",
    unit: "days",
    min: 0,
    max: 3650,
    default: 30,
    roles: ADMINS,
};

/// Whether agents must show the client certificate that was issued to them.
pub const CERTIFICATES_REQUIRED: Switch = Switch {
    name: "certificates.required",
    about: "a system that was issued a client certificate is refused without one, until that expires",
    default: true,
    roles: ADMINS,
};

/// How long the audit is kept.
pub const AUDIT_RETENTION_DAYS: Integer = Integer {
    name: "audit.retention_days",
    about: "audit entries older than this are deleted behind a signed anchor; 0: never",
    unit: "days",
    min: 0,
    max: 3650,
    default: 365,
    roles: ADMINS,
};

/// How often a heartbeat of a system is recorded.
pub const AUDIT_HEARTBEAT_MINUTES: Integer = Integer {
    name: "audit.heartbeat_minutes",
    about: "one heartbeat of each system is recorded in the audit per so many minutes, 5 at least; 0: none",
    unit: "minutes",
    min: 0,
    max: 1440,
    default: 60,
    roles: ADMINS,
};

/// From which share of a group's members on a save that removes them asks for their number.
pub const RULES_CONFIRM_SHARE_PERCENT: Integer = Integer {
    name: "rules.confirm_share_percent",
    about: "saving a rule that removes more than this share of the group's members asks for their number to be typed",
    unit: "%",
    min: 0,
    max: 100,
    default: 20,
    roles: ADMINS,
};

/// Where administrators may come from.
pub const ADMIN_NETWORKS: Networks = Networks {
    name: "access.admin_networks",
    about: "networks that the console's API is called from; none: any. The local administrator on the server itself always may",
    roles: ADMINS,
};

/// Where agents may come from.
pub const AGENT_NETWORKS: Networks = Networks {
    name: "access.agent_networks",
    about: "networks that agents come from; none: any. Others are refused and keep their identity",
    roles: ADMINS,
};

/// How long a replaced signing key still signs.
pub const SIGNING_OVERLAP_DAYS: Integer = Integer {
    name: "signing.overlap_days",
    about: "after the signing key was replaced, the old one signs for agents that have not followed yet for this long",
    unit: "days",
    min: 0,
    max: 3650,
    default: 30,
    roles: &[Role::Owner],
};

/// Every setting, in the order of the page.
pub const CATALOGUE: &[Definition] = &[
    Definition::Integer(&PENDING_MAX),
    Definition::Integer(&PENDING_EXPIRE_DAYS),
    Definition::Switch(&CERTIFICATES_REQUIRED),
    Definition::Integer(&AUDIT_RETENTION_DAYS),
    Definition::Integer(&AUDIT_HEARTBEAT_MINUTES),
    Definition::Integer(&RULES_CONFIRM_SHARE_PERCENT),
    Definition::Networks(&ADMIN_NETWORKS),
    Definition::Networks(&AGENT_NETWORKS),
    Definition::Integer(&SIGNING_OVERLAP_DAYS),
];

/// A setting of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Definition {
    /// A whole number.
    Integer(&'static Integer),
    /// On or off.
    Switch(&'static Switch),
    /// A list of networks.
    Networks(&'static Networks),
}

/// The setting of that name.
pub fn by_name(name: &str) -> Option<&'static Definition> {
    CATALOGUE.iter().find(|definition| definition.name() == name)
}

impl Definition {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Definition::Integer(integer) => integer.name,
            Definition::Switch(switch) => switch.name,
            Definition::Networks(networks) => networks.name,
        }
    }

    /// What it is, in one line.
    pub fn about(&self) -> &'static str {
        match self {
            Definition::Integer(integer) => integer.about,
            Definition::Switch(switch) => switch.about,
            Definition::Networks(networks) => networks.about,
        }
    }

    /// Who may change it.
    pub fn roles(&self) -> &'static [Role] {
        match self {
            Definition::Integer(integer) => integer.roles,
            Definition::Switch(switch) => switch.roles,
            Definition::Networks(networks) => networks.roles,
        }
    }

    /// The value unless it is changed.
    pub fn default_value(&self) -> SettingValue {
        match self {
            Definition::Integer(integer) => SettingValue::Integer(integer.default),
            Definition::Switch(switch) => SettingValue::Switch(switch.default),
            Definition::Networks(_) => SettingValue::Networks(Vec::new()),
        }
    }

    /// What it takes.
    pub fn kind(&self) -> SettingKind {
        match self {
            Definition::Integer(integer) => SettingKind::Integer {
                unit: integer.unit.to_owned(),
                min: integer.min,
                max: integer.max,
            },
            Definition::Switch(_) => SettingKind::Switch,
            Definition::Networks(_) => SettingKind::Networks { max: MAX_NETWORKS },
        }
    }

    /// A value that was sent, when it fits.
    ///
    /// # Errors
    /// What it must be, bounds included.
    pub fn check(&self, value: &serde_json::Value) -> Result<SettingValue, String> {
        match self {
            Definition::Integer(integer) => {
                let bounds = integer.min..=integer.max;
                let number = value.as_i64().filter(|number| bounds.contains(number));
                number
                    .map(SettingValue::Integer)
                    .ok_or_else(|| self.kind().expects())
            }
            Definition::Switch(_) => {
                let switch = value.as_bool().map(SettingValue::Switch);
                switch.ok_or_else(|| self.kind().expects())
            }
            Definition::Networks(_) => networks(value).map_err(|fault| match fault {
                Some(fault) => format!("{}: {fault}", self.kind().expects()),
                None => self.kind().expects(),
            }),
        }
    }
}

/// A list of networks, each once, in their order; else what is wrong with an entry, where it is one.
fn networks(value: &serde_json::Value) -> Result<SettingValue, Option<String>> {
    let items = value
        .as_array()
        .filter(|items| items.len() <= MAX_NETWORKS)
        .ok_or(None)?;
    let mut networks: Vec<Network> = Vec::with_capacity(items.len());
    for item in items {
        let network = item.as_str().ok_or(None)?.parse();
        networks.push(network.map_err(|error: crate::network::InvalidNetwork| Some(error.to_string()))?);
    }
    networks.sort_unstable();
    networks.dedup();
    Ok(SettingValue::Networks(networks))
}

/// A value of a setting: a number, `true` or `false`, or a list of networks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum SettingValue {
    /// On or off.
    Switch(bool),
    /// A whole number.
    Integer(i64),
    /// Networks.
    Networks(Vec<Network>),
}

/// What a setting takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SettingKind {
    /// A whole number.
    Integer {
        /// What is counted.
        unit: String,
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// On or off.
    Switch,
    /// A list of networks.
    Networks {
        /// Most of them.
        max: usize,
    },
}

impl SettingKind {
    /// What a value must be, for a person.
    pub fn expects(&self) -> String {
        match self {
            SettingKind::Integer { unit, min, max } => {
                format!("must be a whole number ({unit}) from {min} to {max}")
            }
            SettingKind::Switch => "must be true or false".to_owned(),
            SettingKind::Networks { max } => {
                format!("must be a list of at most {max} networks like 192.0.2.0/24 or 2001:db8::/32")
            }
        }
    }
}

/// A setting as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// What it is, in one line.
    pub about: String,
    /// What it takes.
    pub kind: SettingKind,
    /// What holds now.
    pub value: SettingValue,
    /// What holds unless it is changed.
    pub default: SettingValue,
    /// Who may change it.
    pub changeable_by: Vec<Role>,
    /// When it was changed; none while the default holds.
    pub changed_ms: Option<UnixMillis>,
    /// Who changed it; none while the default holds.
    pub changed_by: Option<String>,
}

/// `GET /api/v1/settings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingList {
    /// Every setting.
    pub items: Vec<Setting>,
}

/// `PUT /api/v1/settings/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeSetting {
    /// The new value.
    pub value: serde_json::Value,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SWITCH: Switch = Switch {
        name: "switch",
        about: "",
        default: true,
        roles: ADMINS,
    };
    const NETWORKS: Networks = Networks {
        name: "networks",
        about: "",
        roles: ADMINS,
    };

    #[test]
    fn the_catalogue_is_sound() {
        for (index, definition) in CATALOGUE.iter().enumerate() {
            let default = serde_json::to_value(definition.default_value()).unwrap();
            assert_eq!(
                definition.check(&default),
                Ok(definition.default_value()),
                "{}",
                definition.name()
            );
            assert!(definition.roles().contains(&Role::Owner) && !definition.about().is_empty());
            assert_eq!(by_name(definition.name()), Some(definition));
            assert!(
                CATALOGUE[..index]
                    .iter()
                    .all(|other| other.name() != definition.name())
            );
        }
        assert_eq!(by_name("pending"), None);
    }

    #[test]
    fn values_outside_their_bounds_are_refused_with_the_bounds() {
        let pending = Definition::Integer(&PENDING_MAX);
        for bad in [
            json!(0),
            json!(1_000_001),
            json!(1.5),
            json!("7"),
            json!(null),
            json!(true),
        ] {
            let reason = pending.check(&bad).unwrap_err();
            assert!(
                reason.contains("systems") && reason.contains("from 1 to 1000000"),
                "{reason}"
            );
        }
        assert_eq!(pending.check(&json!(7)), Ok(SettingValue::Integer(7)));
        let switch = Definition::Switch(&SWITCH);
        assert_eq!(switch.check(&json!(false)), Ok(SettingValue::Switch(false)));
        assert!(switch.check(&json!(0)).is_err());
    }

    #[test]
    fn networks_are_kept_once_and_in_order() {
        let networks = Definition::Networks(&NETWORKS);
        let value = networks
            .check(&json!(["10.0.0.0/8", "10.0.0.0/8", "192.0.2.1"]))
            .unwrap();
        assert_eq!(
            serde_json::to_value(&value).unwrap(),
            json!(["10.0.0.0/8", "192.0.2.1/32"])
        );
        let reason = networks.check(&json!(["10.1.0.0/8"])).unwrap_err();
        assert!(reason.ends_with("write 10.0.0.0/8"), "{reason}");
        for bad in [json!("10.0.0.0/8"), json!([1]), json!(vec!["::/0"; 65])] {
            assert!(networks.check(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_value_survives_the_wire() {
        for value in [json!(true), json!(-3), json!([]), json!(["::/0"])] {
            let read: SettingValue = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), value);
        }
    }
}
