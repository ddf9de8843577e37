//! The part of the server in memory that keeps settings.

use crate::server::refused;
use scm_protocol::ids::UnixMillis;
use scm_protocol::settings::{CATALOGUE, Definition, Setting, SettingList, SettingValue, by_name};
use scmtui::message::{Call, Failure, Reply};
use std::collections::BTreeMap;

/// What differs from the defaults, and who changed it when.
#[derive(Default)]
pub(crate) struct SettingsServer {
    pub(crate) changed: BTreeMap<String, (SettingValue, UnixMillis)>,
    /// Refuses every change for this reason.
    pub(crate) stubborn: Option<String>,
}

impl SettingsServer {
    /// What it answers.
    pub(crate) fn answer(&mut self, call: Call, now: UnixMillis) -> Vec<Reply> {
        match call {
            Call::Settings => {
                let items = CATALOGUE.iter().map(|definition| self.view(definition));
                vec![Reply::Settings(Ok(SettingList {
                    items: items.collect(),
                }))]
            }
            Call::ChangeSetting {
                ticket,
                name,
                value,
                before,
            } => vec![Reply::SettingChanged {
                ticket,
                before,
                reset: value.is_none(),
                result: self.change(&name, value, now),
                name,
            }],
            _ => Vec::new(),
        }
    }

    fn view(&self, definition: &Definition) -> Setting {
        let changed = self.changed.get(definition.name());
        Setting {
            name: definition.name().to_owned(),
            about: definition.about().to_owned(),
            kind: definition.kind(),
            value: changed.map_or_else(|| definition.default_value(), |(value, _)| value.clone()),
            default: definition.default_value(),
            changeable_by: definition.roles().to_vec(),
            changed_ms: changed.map(|(_, at)| *at),
            changed_by: changed.map(|_| "user:jdoe".to_owned()),
        }
    }

    fn change(
        &mut self,
        name: &str,
        value: Option<serde_json::Value>,
        now: UnixMillis,
    ) -> Result<(), Failure> {
        if let Some(reason) = &self.stubborn {
            return Err(refused(422, "invalid_value", reason));
        }
        match value {
            Some(value) => {
                let value = by_name(name).unwrap().check(&value).unwrap();
                self.changed.insert(name.to_owned(), (value, now));
            }
            None => drop(self.changed.remove(name)),
        }
        Ok(())
    }
}
