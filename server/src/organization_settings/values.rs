//! The settings of one organization, ready to use: an accessor for each.

use scm_protocol::network::Network;
use scm_protocol::settings::{self, Integer, Networks, SettingValue, Switch};
use std::collections::HashMap;

/// What holds in an organization: the defaults, and what was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganizationSettings {
    changed: HashMap<&'static str, SettingValue>,
}

impl OrganizationSettings {
    /// Most systems that wait for approval.
    pub fn pending_max(&self) -> i64 {
        self.integer(&settings::PENDING_MAX)
    }

    /// Days after which a silent Pending system is removed; none when they are kept.
    pub fn pending_expire_days(&self) -> Option<i64> {
        Some(self.integer(&settings::PENDING_EXPIRE_DAYS)).filter(|days| *days > 0)
    }

    /// Days after which audit entries are deleted; none when they are kept.
    pub fn audit_retention_days(&self) -> Option<i64> {
        Some(self.integer(&settings::AUDIT_RETENTION_DAYS)).filter(|days| *days > 0)
    }

    /// Least time between two recorded heartbeats of a system; none when none is recorded. Never below five minutes.
    pub fn audit_heartbeat_minutes(&self) -> Option<i64> {
        let minutes = self.integer(&settings::AUDIT_HEARTBEAT_MINUTES);
        (minutes > 0).then_some(minutes.max(5))
    }

    /// Whether agents must show the client certificate that was issued to them.
    pub fn certificates_required(&self) -> bool {
        self.switch(&settings::CERTIFICATES_REQUIRED)
    }

    fn switch(&self, setting: &Switch) -> bool {
        match self.changed.get(setting.name) {
            Some(SettingValue::Switch(value)) => *value,
            _ => setting.default,
        }
    }

    /// Largest share of a group's members, in percent, that saving its rule removes without asking.
    pub fn rules_confirm_share_percent(&self) -> i64 {
        self.integer(&settings::RULES_CONFIRM_SHARE_PERCENT)
    }

    /// Networks that the console's API is called from; none when from any.
    pub fn admin_networks(&self) -> &[Network] {
        self.networks(&settings::ADMIN_NETWORKS)
    }

    /// Networks that agents come from; none when from any.
    pub fn agent_networks(&self) -> &[Network] {
        self.networks(&settings::AGENT_NETWORKS)
    }

    fn networks(&self, setting: &Networks) -> &[Network] {
        match self.changed.get(setting.name) {
            Some(SettingValue::Networks(networks)) => networks,
            _ => &[],
        }
    }

    /// Days for which a replaced signing key still signs.
    pub fn signing_overlap_days(&self) -> i64 {
        self.integer(&settings::SIGNING_OVERLAP_DAYS)
    }

    fn integer(&self, setting: &Integer) -> i64 {
        match self.changed.get(setting.name) {
            Some(SettingValue::Integer(value)) => *value,
            _ => setting.default,
        }
    }

    /// Takes a stored value; answers whether there is such a setting and it takes this value.
    pub(super) fn put(&mut self, name: &str, value: &serde_json::Value) -> bool {
        let Some(definition) = settings::by_name(name) else {
            return false;
        };
        definition.check(value).is_ok_and(|value| {
            self.changed.insert(definition.name(), value);
            true
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_not_changed_or_cannot_be_is_the_default() {
        let mut settings = OrganizationSettings::default();
        assert_eq!(
            (settings.pending_max(), settings.pending_expire_days()),
            (10_000, Some(30))
        );
        assert!(settings.put("pending.max", &json!(5)) && settings.put("pending.expire_days", &json!(0)));
        assert_eq!(settings.audit_heartbeat_minutes(), Some(60));
        assert!(settings.put("audit.heartbeat_minutes", &json!(1)));
        assert_eq!(settings.audit_heartbeat_minutes(), Some(5));
        assert!(settings.put("audit.heartbeat_minutes", &json!(0)));
        assert_eq!(settings.audit_heartbeat_minutes(), None);
        assert!(!settings.put("pending.max", &json!("many")) && !settings.put("gone", &json!(1)));
        assert_eq!(
            (settings.pending_max(), settings.pending_expire_days()),
            (5, None)
        );
    }
}
